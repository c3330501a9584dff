"""Record: a result in the run folder, as Parquet frames beside a small JSON file.

Each notebook saves its frozen result under `results/<entity>/<report>/`, which appears only when it
is whole, and what the run joins of it (`PARTS`) beside it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pandas as pd

from opsanalytics.formats import slug
from opsanalytics.results.figures import figures
from opsanalytics.results.form import report_of
from opsanalytics.settings import Materiality

if TYPE_CHECKING:
    from opsanalytics import budget, demand, staffing

    Result: TypeAlias = budget.BudgetVariance | demand.DemandForecast | staffing.StaffingForecast
    R = TypeVar("R", demand.DemandForecast, staffing.StaffingForecast)

PARTIAL = ".partial"  # ends the name of a result that is on its way

#: The tables of a run that results are joined into.
PARTS = ("figures", "forecasts", "staffing", "outlook")


def save(result: Result, run_dir: str | Path) -> None:
    """Put a result on record in the run folder; with an empty `run_dir` (JupyterLab, nbval) write nothing."""
    if not run_dir:
        return
    folder = folder_of(run_dir, result.entity, report_of(result))
    aside = folder.with_name(f"{folder.name}.{os.getpid()}{PARTIAL}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    scalars = {}
    for field in dataclasses.fields(result):
        value = getattr(result, field.name)
        if isinstance(value, pd.DataFrame):
            value.to_parquet(aside / f"{field.name}.parquet", index=False)
        else:
            scalars[field.name] = vars(value) if isinstance(value, Materiality) else value
    (aside / "result.json").write_text(json.dumps(scalars, ensure_ascii=False, indent=1), encoding="utf-8")
    for name, frame in zip(PARTS, parts_of(result), strict=True):
        if not frame.empty:
            frame.to_parquet(aside / f"run_{name}.parquet", index=False)
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)


def parts_of(result: Result) -> tuple[pd.DataFrame, ...]:
    """Return what the run joins of a result, in the order of `PARTS`; an empty frame where it has none."""
    none = pd.DataFrame()
    return (
        figures(result),
        getattr(result, "forecasts", none),
        getattr(result, "plan", none),
        _outlook(result),
    )


def _outlook(result: Result) -> pd.DataFrame:
    """Return the forecasts that the next run finds on record; only the plain view of the ledger leaves any."""
    from opsanalytics import budget

    if not isinstance(result, budget.BudgetVariance):
        return pd.DataFrame()
    if (result.structure, result.one_offs) != (budget.AS_POSTED, budget.WITH):
        return pd.DataFrame()
    return budget.carried_over(result.forecast, result.outlook_lines, period=result.period)


def recorded(kind: type[R], report: str, run_dir: str | Path, entity: str) -> R | None:
    """Return the demand or staffing result that is on record, as it was saved, or None.

    A budget variance is not read back: it is computed anew in the view asked for, and what a run and the pack need of
    it are its parts (`PARTS`).
    """
    folder = folder_of(run_dir, entity, report)
    if not run_dir or not (folder / "result.json").exists():
        return None
    values: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    for field in dataclasses.fields(kind):
        if field.name not in values:
            values[field.name] = pd.read_parquet(folder / f"{field.name}.parquet")
        elif isinstance(values[field.name], list):
            values[field.name] = tuple(values[field.name])
    return kind(**values)


def is_on_record(run_dir: str | Path, entity: str, report: str) -> bool:
    """Is a result of this report and entity in the run folder?"""
    return (folder_of(run_dir, entity, report) / "result.json").exists()


def scalar_on_record(run_dir: str | Path, entity: str, report: str, name: str) -> Any:
    """Return one of the scalars of a result on record, None where it has none of that name."""
    text = (folder_of(run_dir, entity, report) / "result.json").read_text(encoding="utf-8")
    return json.loads(text).get(name)


def folder_of(run_dir: str | Path, entity: str, report: str) -> Path:
    """Return the folder of one result; the hash keeps apart names whose slugs are the same."""
    name = f"{slug(entity)}-{hashlib.sha256(entity.encode('utf-8')).hexdigest()[:6]}"
    return Path(run_dir) / "results" / name / report
