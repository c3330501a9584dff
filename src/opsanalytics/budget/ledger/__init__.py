"""Ledger: the lines behind a variance, those that deserve a look, and what changed in months reported before."""

from opsanalytics.budget.ledger.anomalies import RULES as ANOMALY_RULES
from opsanalytics.budget.ledger.anomalies import ledger_flags
from opsanalytics.budget.ledger.lines import largest_lines
from opsanalytics.budget.ledger.restatement import Restatement, restatements

__all__ = ["ANOMALY_RULES", "Restatement", "largest_lines", "ledger_flags", "restatements"]
