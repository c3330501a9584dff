"""The request: everything that can be refused is, the quickest check first, before a kernel starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opsanalytics.batch.planning.fingerprint import fingerprint
from opsanalytics.batch.planning.notebooks import (
    Notebook,
    RequestError,
    find,
    read_notebooks,
    refuse_without_run_parameters,
    settings_of,
)
from opsanalytics.batch.planning.plan import Plan, Request, make_plan
from opsanalytics.periods import parse_month
from opsanalytics.settings import read_settings

if TYPE_CHECKING:
    from opsanalytics.sources import Inputs


class FaultsError(Exception):
    """The data hold errors; `inputs` has them all. Exit code 1, or 2 where a table is unknown."""

    def __init__(self, inputs: Inputs) -> None:
        super().__init__("The data hold errors.")
        self.inputs = inputs


@dataclass(frozen=True)
class Prepared:
    """A request that has passed every check: what will run, on what, into which folder.

    `repeats` is the run whose inputs and prior are used again, None for a run of the data folder.
    """

    request: Request
    plan: Plan
    inputs: Inputs
    notebooks: Mapping[str, Notebook]
    folder: Path
    repeats: Path | None = None
    fingerprint: str = ""


def prepare(request: Request) -> Prepared:
    """Check everything that can be checked before a kernel starts, the quickest first.

    Raises RequestError or SettingsError for a wrong request, FaultsError for errors in the data.
    """
    notebooks = read_notebooks(request.folder)
    refuse_quickly(request, notebooks)
    asked = fingerprint(request)  # before the tables are read: a file that changes meanwhile makes it another one
    inputs = read_data(request.data)
    if (inputs.faults["severity"] == "error").any():
        raise FaultsError(inputs)
    plan = plan_checked(request, notebooks, inputs)
    folder = (request.runs / request.period).absolute()
    named = {notebook.name: notebook for notebook in notebooks}
    return Prepared(request, plan, inputs, named, folder, fingerprint=asked)


def plan_checked(request: Request, notebooks: tuple[Notebook, ...], inputs: Inputs) -> Plan:
    """Plan a run of checked inputs. Raises RequestError also when a file has changed since it was checked."""
    from opsanalytics import sources

    try:
        return make_plan(request, notebooks, inputs)
    except sources.DataError as error:  # a large ledger is read where it lies
        raise RequestError(str(error)) from None


def refuse_quickly(request: Request, notebooks: tuple[Notebook, ...]) -> None:
    """Refuse what is wrong whatever the data hold, without reading them."""
    refuse_without_run_parameters(notebooks)
    chosen = {find(name, notebooks).name for name in request.notebooks} or {n.name for n in notebooks}
    settings_of(request.parameters, tuple(n for n in notebooks if n.name in chosen))
    try:
        parse_month(request.period)
    except ValueError as error:
        raise RequestError(str(error)) from None
    refuse_data_folder(request.data)
    read_settings(request.data)


def refuse_data_folder(data: Path) -> None:
    """Raise RequestError when there is no data folder."""
    if not data.is_dir():
        what = "is a file, not a folder" if data.exists() else "does not exist"
        raise RequestError(f"The data folder '{data}' {what}. Name the folder that holds the tables with --data.")


def read_data(data: Path) -> Inputs:
    """Read and check the tables of a data folder. Raises RequestError when there is nothing to read."""
    from opsanalytics import sources

    refuse_data_folder(data)
    try:
        return sources.read(data)
    except sources.DataError as error:
        raise RequestError(str(error)) from None
