"""Batch: the month's notebooks for every entity, in one command.

`prepare` checks the request and the data and plans the run; `run` executes the plan through
papermill into a run folder and keeps its manifest. Nothing heavy is imported before it is needed.
"""

from opsanalytics.batch.manifest import RunState, list_runs
from opsanalytics.batch.notebooks import Notebook, Parameter, RequestError, find, notebooks_folder, read_notebooks
from opsanalytics.batch.plan import Job, Plan, Request, make_plan, off_sentence
from opsanalytics.batch.run import FaultsError, JobState, Outcome, Prepared, Report, RunError, prepare, read_data, run

__all__ = [
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
    "list_runs",
    "make_plan",
    "notebooks_folder",
    "off_sentence",
    "prepare",
    "read_data",
    "read_notebooks",
    "run",
]
