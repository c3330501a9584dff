"""Foresight on record: the demand and the overrides that earlier runs knew of months to come, kept from run to run."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from opsanalytics.demand.value.record import (
    NEEDED,
    OVERRIDE_COLUMNS,
    RECORD_COLUMNS,
    carried_over,
    overrides_kept,
)
from opsanalytics.periods import Calendar

RECORD, OVERRIDES = "demand_record.parquet", "overrides.parquet"


@dataclass(frozen=True)
class Earlier:
    """A finished run: its folder, its period, and the moment at which it was started."""

    folder: Path
    period: str
    started: dt.datetime

    @property
    def inputs(self) -> Path:
        """Return the folder of what it read."""
        return self.folder / "inputs"


def keep(earlier: Sequence[Earlier], inputs: Path) -> None:
    """Write under prior/ of a run's inputs what the runs before it, the newest first, said of months to come.

    Both files grow from run to run; neither is written where there is nothing to keep.
    """
    for name, frame in ((RECORD, _demand_record(earlier, inputs)), (OVERRIDES, _overrides(earlier))):
        if len(frame):
            _write(frame, inputs / "prior" / name)


def _demand_record(earlier: Sequence[Earlier], inputs: Path) -> pd.DataFrame:
    """Return what the runs before forecast of each month: the record that the latest had, and what came after.

    What came after are the forecasts of the runs of that run's period, so that a site is not lost when the month was
    run again for another one, and of later periods; of all runs where none had a record. Months of another calendar
    are other months: only runs with the calendar of this one are looked at.
    """
    calendar = _calendar(inputs)
    alike = [run for run in earlier if _calendar(run.inputs) == calendar]
    held = ((run, _read(run.inputs / "prior" / RECORD, RECORD_COLUMNS)) for run in alike)
    since, record = next(((run.period, frame) for run, frame in held if frame is not None), ("", None))
    for run in reversed([run for run in alike if run.period >= since]):
        forecasts = _read(run.folder / "forecasts.parquet", NEEDED)
        if forecasts is not None:
            record = carried_over(record, forecasts, calendar)
    return carried_over(record, None, calendar)


def _overrides(earlier: Sequence[Earlier]) -> pd.DataFrame:
    """Return the overrides of every run before, each with the moment at which the run was made."""
    tables = []
    for run in earlier:
        made = pd.Timestamp(run.started.astimezone(dt.UTC).replace(tzinfo=None))
        files = (run.inputs / "prior" / OVERRIDES, run.inputs / OVERRIDES)
        found = (_read(file, OVERRIDE_COLUMNS) for file in files)
        tables += [(made, frame) for frame in found if frame is not None]
    return overrides_kept(tables)


def _read(path: Path, needed: Sequence[str]) -> pd.DataFrame | None:
    """Return a Parquet file; None where there is none with the needed columns."""
    if not path.is_file():
        return None
    try:
        found = pd.read_parquet(path)
    except (OSError, ValueError):  # a file of another form, or half a file: there is nothing to take from it
        return None
    return found if set(needed) <= set(found.columns) else None


def _write(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame to Parquet that appears at `path` only when it is whole."""
    aside = path.with_name(f".{path.name}.part")
    try:
        frame.to_parquet(aside, index=False)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _calendar(inputs: Path) -> Calendar:
    """Return the calendar whose months a run counted; a monthly one where that is not on record.

    A month of a monthly calendar is the same month whichever the fiscal year begins with.
    """
    try:
        settings = json.loads((inputs / "settings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Calendar()
    found = Calendar(**settings["calendar"]) if "calendar" in settings else Calendar()
    return Calendar() if found.pattern == "monthly" else found
