"""Execution: one job as a notebook in a kernel, and who carries the jobs out: threads here, or workers of a cluster."""
