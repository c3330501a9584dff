"""Risk: how often do the people planned for a percentile of the forecast keep the promise, and at what cost?

`simulation` runs the chain forecast, handling time, absence; `draws` draws what happens, `outcomes` says what comes
of it.
"""
