"""Forecasting: from histories to forecasts with intervals.

`panel` takes many series in one call; `series` readies one for the models and turns their answer into its forecast;
`profile` spreads days over their intervals; `intervals` measures how far forecasts missed; `progress` shows a bar.
"""
