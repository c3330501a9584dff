"""The command line, `opsanalytics`; also `python -m opsanalytics`."""

from opsanalytics.cli.commands import app, main

__all__ = ["app", "main"]
