"""Batch: the month's notebooks for every entity, in one command.

`prepare` checks the request and the data and plans the run; `run` executes the plan through
papermill into a run folder and keeps its manifest. Nothing heavy is imported before it is needed.
"""

from opsanalytics.batch.again import held, prepare_again, prepare_like, unchanged
from opsanalytics.batch.begin import ON_RECORD, standing
from opsanalytics.batch.folder.manifest import JobState, RunState, list_runs
from opsanalytics.batch.planning.notebooks import (
    Notebook,
    Parameter,
    RequestError,
    find,
    notebooks_folder,
    read_notebooks,
)
from opsanalytics.batch.planning.plan import Job, Plan, Request, make_plan, off_sentence
from opsanalytics.batch.planning.request import FaultsError, Prepared, prepare, read_data
from opsanalytics.batch.run import Outcome, Report, RunError, run

__all__ = [
    "ON_RECORD",
    "FaultsError",
    "Job",
    "JobState",
    "Notebook",
    "Outcome",
    "Parameter",
    "Plan",
    "Prepared",
    "Report",
    "Request",
    "RequestError",
    "RunError",
    "RunState",
    "find",
    "held",
    "list_runs",
    "make_plan",
    "notebooks_folder",
    "off_sentence",
    "prepare",
    "prepare_again",
    "prepare_like",
    "read_data",
    "read_notebooks",
    "run",
    "standing",
    "unchanged",
]
