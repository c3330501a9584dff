"""Forecast: from the demand that is expected to the staff, the hours and the cost of it."""
