"""Value: how good the forecasts on record were, and whether the planners' overrides helped.

`record` keeps what was forecast, and which overrides stood, run by run; `added` scores them once the actuals are there.
"""
