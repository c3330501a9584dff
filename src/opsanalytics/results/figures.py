"""Results: what an analysis found, on record in the run folder, and the one table of figures.

Each notebook saves its frozen result under `results/<entity>/<report>/` as Parquet frames beside a
small JSON file. `figures` turns any result into the long table that every report, comparison and
re-run is judged by; `merge` joins the parts of a run into figures, forecasts and staffing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from opsanalytics import budget, demand, sources, staffing
from opsanalytics.formats import ALL, TOTAL, UNASSIGNED, slug
from opsanalytics.schemas import NEEDS
from opsanalytics.settings import Materiality

Result = budget.BudgetVariance | demand.DemandForecast | staffing.StaffingForecast
R = TypeVar("R", demand.DemandForecast, staffing.StaffingForecast)

KEY = [
    "report", "entity", "period", "horizon", "measure", "dimension", "item", "dimension2", "item2",
    "scenario", "reference", "quantile",
]  # fmt: skip
COLUMNS = [*KEY, "value", "cents", "unit", "table"]
_TYPES: dict[type[Any], str] = {
    budget.BudgetVariance: "budget_variance",
    demand.DemandForecast: "seasonal_demand",
    staffing.StaffingForecast: "staffing_forecast",
}
_FRAMES = ("figures", "forecasts", "staffing")
_SOURCE = {"AC": "ledger", "PY": "ledger", "FC": "ledger", "PL": "budget"}


@dataclasses.dataclass(frozen=True)
class RunResults:
    """All that a run found: `figures` (the design's columns), `forecasts` and `staffing` (long frames)."""

    figures: pd.DataFrame
    forecasts: pd.DataFrame
    staffing: pd.DataFrame


def variance(inputs: sources.Inputs, period: str, entity: str = ALL) -> budget.BudgetVariance:
    """Compare actual with plan and prior year for one entity; see `budget.budget_variance`."""
    return budget.budget_variance(inputs.actuals(period), inputs.tables, inputs.settings, period=period, entity=entity)


def forecast(inputs: sources.Inputs, period: str, entity: str = ALL, run_dir: str | Path = "") -> demand.DemandForecast:
    """Return the demand forecast of one entity: the one on record in `run_dir`, else computed now.

    The whole is the sum of its sites' forecasts, and of what has no site. LookupError when there is no demand up to
    `period`.
    """
    recorded = _recorded(demand.DemandForecast, run_dir, entity)
    if recorded is not None:
        return recorded
    if entity != ALL:
        volumes = inputs.volumes(period, entity)
        return demand.demand_forecast(volumes, inputs.tables, inputs.settings, period=period, entity=entity)
    return demand.total([forecast(inputs, period, site, run_dir) for site in sites_with_demand(inputs, period)])


def staff(
    inputs: sources.Inputs, period: str, entity: str = ALL, run_dir: str | Path = ""
) -> staffing.StaffingForecast:
    """Return the staffing forecast of one entity: the one on record in `run_dir`, else computed now from its demand.

    The whole is the sum of its sites; it computes no queue of its own.
    """
    recorded = _recorded(staffing.StaffingForecast, run_dir, entity)
    if recorded is not None:
        return recorded
    if entity != ALL:
        forecasts = forecast(inputs, period, entity, run_dir).forecasts
        return staffing.staffing_forecast(forecasts, inputs.tables, inputs.settings, period=period, entity=entity)
    return staffing.total([staff(inputs, period, site, run_dir) for site in sites_with_demand(inputs, period)])


def sites_with_demand(inputs: sources.Inputs, period: str) -> list[str]:
    """Return the sites with any demand up to `period`, `(unassigned)` included; LookupError when there is none."""
    sites = sorted(inputs.volumes(period)["site"].unique())
    if not sites:
        raise LookupError(f"There is no demand up to {period}: add rows to the demand table or choose a later period.")
    return sites


def collect(inputs: sources.Inputs, period: str, run_dir: str | Path = "") -> RunResults:
    """Return all results of a run: those on record in `run_dir`, or with none given, computed now for every entity."""
    if run_dir:
        return _read_merged(Path(run_dir))
    found = [*_variances(inputs, period), *_forecasts_and_staff(inputs, period)]
    return _join([_frames(result) for result in found], inputs.entities())


def _variances(inputs: sources.Inputs, period: str) -> list[Result]:
    if not has_needs(inputs, "01_budget_variance"):
        return []
    return [variance(inputs, period, entity) for entity in _entities(inputs, period)]


def _entities(inputs: sources.Inputs, period: str) -> list[str]:
    """Return the entities, and `(unassigned)` where money has no site, so that they sum to the whole."""
    named = inputs.entities()
    money = pd.DataFrame(sorted(inputs.places(period)), columns=["cost_centre", "period"], dtype="str")
    placed = budget.placed(money, inputs.tables["cost_centres"], inputs.settings.calendar)
    return [UNASSIGNED, *named] if (placed["site"] == UNASSIGNED).any() else named


def _forecasts_and_staff(inputs: sources.Inputs, period: str) -> list[Result]:
    if not has_needs(inputs, "02_seasonal_demand"):
        return []
    sites = [forecast(inputs, period, site) for site in sites_with_demand(inputs, period)]
    found: list[Result] = [*sites, demand.total(sites)]
    if has_needs(inputs, "03_staffing_forecast"):
        staffed = [
            staffing.staffing_forecast(
                part.forecasts, inputs.tables, inputs.settings, period=period, entity=part.entity
            )
            for part in sites
        ]
        found += [*staffed, staffing.total(staffed)]
    return found


def has_needs(inputs: sources.Inputs, notebook: str) -> bool:
    """Are the tables given that `notebook` cannot do without?"""
    return all(inputs.has(table) for table in NEEDS[notebook])


def save(result: Result, run_dir: str | Path) -> None:
    """Put a result on record in the run folder; with an empty `run_dir` (JupyterLab, nbval) write nothing.

    The folder appears under its name only when it is whole.
    """
    if not run_dir:
        return
    folder = _folder(run_dir, result.entity, _TYPES[type(result)])
    aside = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
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
    for name, frame in zip(_FRAMES, _frames(result), strict=True):
        if not frame.empty:
            frame.to_parquet(aside / f"run_{name}.parquet", index=False)
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)


def merge(run_dir: str | Path, inputs: sources.Inputs, period: str) -> RunResults:
    """Join the parts on record into figures.parquet, forecasts.parquet and staffing.parquet, and return them.

    What is assigned to no site has no notebook of its own: its part is made here, beside the whole it belongs to.
    With one site only, its figures carry both names, the site's and the whole's.
    """
    _save_unassigned(Path(run_dir), inputs, period)
    parts = []
    for folder in sorted(Path(run_dir).glob("results/*/*/result.json")):
        files = [folder.parent / f"run_{name}.parquet" for name in _FRAMES]
        parts.append(tuple(pd.read_parquet(file) if file.exists() else pd.DataFrame() for file in files))
    joined = _join(parts, inputs.entities())
    for name, frame in zip(_FRAMES, dataclasses.astuple(joined), strict=True):
        path = Path(run_dir) / f"{name}.parquet"
        aside = path.with_name(f"{path.name}.partial")
        frame.to_parquet(aside, index=False)
        aside.replace(path)
    return joined


def _save_unassigned(run_dir: Path, inputs: sources.Inputs, period: str) -> None:
    """Put `(unassigned)` on record, and with one site only also the whole, which is then more than that site."""
    sites = [entity for entity in inputs.entities() if entity != ALL]
    whole, missing = (sites[0], [UNASSIGNED, ALL]) if len(sites) == 1 else (ALL, [UNASSIGNED])

    def on_record(report: str) -> bool:
        return (_folder(run_dir, whole, report) / "result.json").exists()

    for entity in missing:
        if on_record("budget_variance") and UNASSIGNED in _entities(inputs, period):
            save(variance(inputs, period, entity), run_dir)
        if on_record("seasonal_demand") and UNASSIGNED in sites_with_demand(inputs, period):
            save(forecast(inputs, period, entity, run_dir), run_dir)
            if on_record("staffing_forecast"):
                save(staff(inputs, period, entity, run_dir), run_dir)


def figures(result: Result) -> pd.DataFrame:
    """Return every figure of a result in the design's long form: `COLUMNS`, one row per figure, sorted by `KEY`.

    `value` is a float in the unit named; `cents` the exact money, missing for what is no money.
    """
    if isinstance(result, budget.BudgetVariance):
        parts = [_amounts(result), _trend(result), *_variance_figures(result), _outlook(result)]
    elif isinstance(result, demand.DemandForecast):
        parts = [_volumes(result), _completeness(result), *_scores(result)]
    else:
        parts = _staff_figures(result)
    frame = pd.concat([part for part in parts if not part.empty] or [_complete(pd.DataFrame(), result, "")])
    return frame.sort_values(KEY, ignore_index=True)


def _frames(result: Result) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    forecasts = result.forecasts if isinstance(result, demand.DemandForecast) else pd.DataFrame()
    plan = result.plan if isinstance(result, staffing.StaffingForecast) else pd.DataFrame()
    return figures(result), forecasts, plan


def _join(parts: Sequence[tuple[pd.DataFrame, ...]], entities: Sequence[str]) -> RunResults:
    sites = [entity for entity in entities if entity != ALL]
    frames = []
    for position, name in enumerate(_FRAMES):
        column = "entity" if name == "figures" else "site"
        found = [part[position] for part in parts if not part[position].empty]
        frame = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=[column])
        frames.append(_with_both_names(frame, column, sites[0]) if len(sites) == 1 and not frame.empty else frame)
    if frames[0].empty:
        frames[0] = pd.DataFrame({name: pd.Series(dtype=_dtype(name)) for name in COLUMNS})
    frames[0] = frames[0].sort_values(KEY, ignore_index=True)
    return RunResults(*frames)


def _with_both_names(frame: pd.DataFrame, column: str, site: str) -> pd.DataFrame:
    """Give the only site's rows the whole's name too, in each report that has no whole of its own."""
    report = frame["report"] if "report" in frame else pd.Series("", index=frame.index)
    of_site = (frame[column] == site) & ~report.isin(report[frame[column] == ALL])
    return pd.concat([frame, frame[of_site].assign(**{column: ALL})], ignore_index=True)


def _read_merged(run_dir: Path) -> RunResults:
    return RunResults(*(pd.read_parquet(run_dir / f"{name}.parquet") for name in _FRAMES))


def _recorded(kind: type[R], run_dir: str | Path, entity: str) -> R | None:
    folder = _folder(run_dir, entity, _TYPES[kind])
    if not run_dir or not (folder / "result.json").exists():
        return None
    values: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    for field in dataclasses.fields(kind):
        if field.name not in values:
            values[field.name] = pd.read_parquet(folder / f"{field.name}.parquet")
        elif isinstance(values[field.name], list):
            values[field.name] = tuple(values[field.name])
    return kind(**values)


def _folder(run_dir: str | Path, entity: str, report: str) -> Path:
    """Return the folder of one result; the hash keeps apart names whose slugs are the same."""
    name = f"{slug(entity)}-{hashlib.sha256(entity.encode('utf-8')).hexdigest()[:6]}"
    return Path(run_dir) / "results" / name / report


def _dtype(column: str) -> str:
    return {"cents": "Int64", "value": "float64", "quantile": "float64"}.get(column, "str")


def _complete(frame: pd.DataFrame, result: Result, table: str | pd.Series) -> pd.DataFrame:
    """Fill a part up to the columns of `figures`; keys that are not used are empty, the quantile NaN."""
    frame = frame.assign(report=_TYPES[type(result)], entity=result.entity, table=table)
    unused: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {"period": result.period, "cents": pd.NA}
    unused |= dict.fromkeys(("quantile", "value"), np.nan)
    frame = frame.assign(**{name: unused[name] for name in COLUMNS if name not in frame})
    return frame[COLUMNS].astype({name: _dtype(name) for name in COLUMNS})


def _money(frame: pd.DataFrame, cents: str, result: budget.BudgetVariance) -> pd.DataFrame:
    values = frame[cents]
    return frame.assign(cents=values, value=values / 10**result.minor_digits, unit=result.currency)


def _amounts(result: budget.BudgetVariance) -> pd.DataFrame:
    frame = _money(result.amounts, "cents", result)
    return _complete(frame, result, frame["scenario"].map(_SOURCE))


def _trend(result: budget.BudgetVariance) -> pd.DataFrame:
    months = result.monthly[result.monthly["period"] != result.period]
    frame = _money(months, "cents", result).assign(horizon="month", dimension=TOTAL, item=TOTAL)
    return _complete(frame, result, frame["scenario"].map(_SOURCE))


def _variance_figures(result: budget.BudgetVariance) -> list[pd.DataFrame]:
    frame = result.variances.assign(scenario="AC")
    whole = frame["dimension"] == TOTAL
    frame = frame.assign(
        dimension2=frame["dimension2"].mask(whole, "measure"), item2=frame["item2"].mask(whole, frame["measure"])
    )
    table = frame["reference"].map(_SOURCE)
    money = {"variance": "variance_cents", "effect": "effect_cents"}
    money |= {f"{name}_like_for_like": f"like_{column}" for name, column in money.items()}
    plain = {"variance_share": "share", "material": "material", "complete": "complete"}
    frame = frame.assign(
        complete=frame["status"] == budget.COMPLETE,
        like_variance_cents=result.comparable["variance_cents"],
        like_effect_cents=result.comparable["effect_cents"],
        material=result.comparable["material"],
    )
    parts = [
        _complete(_money(frame.assign(measure=name), column, result), result, table) for name, column in money.items()
    ]
    for name, column in plain.items():
        unit = "ratio" if column == "share" else "flag"
        part = frame.assign(measure=name, value=frame[column].astype("float64"), unit=unit)
        parts.append(_complete(part, result, table))
    return parts


def _outlook(result: budget.BudgetVariance) -> pd.DataFrame:
    """Each method's outlook; the chosen one also stands among the amounts as FC."""
    frame = _money(result.outlook, "cents", result).rename(columns={"method": "item2"})
    return _complete(frame.assign(scenario="FC", dimension=TOTAL, item=TOTAL, dimension2="method"), result, "ledger")


def _volumes(result: demand.DemandForecast) -> pd.DataFrame:
    frame = result.monthly.rename(columns={"service": "item", "volume": "value"})
    return _complete(frame.assign(measure="demand", dimension="service", horizon="month"), result, "demand")


def _completeness(result: demand.DemandForecast) -> pd.DataFrame:
    """Which months the data fill to their last open day."""
    frame = result.monthly[result.monthly["scenario"] == "AC"].rename(columns={"service": "item"})
    frame = frame.assign(measure="complete", value=frame["complete"].astype("float64"), unit="flag")
    return _complete(frame.assign(dimension="service", horizon="month"), result, "demand")


def _scores(result: demand.DemandForecast) -> list[pd.DataFrame]:
    """The backtest's scores of each model at each frequency, for example "prophet, D"."""
    scores = result.accuracy.rename(columns={"service": "item"})
    scores = scores.assign(dimension="service", dimension2="model", scenario="FC", unit="ratio")
    scores = scores.assign(item2=scores["model"] + ", " + scores["freq"])
    return [
        _complete(scores.assign(measure=name, value=scores[name]), result, "demand")
        for name in ("wape", "mase", "bias", "coverage80")
    ]


def _staff_figures(result: staffing.StaffingForecast) -> list[pd.DataFrame]:
    frame = result.monthly.rename(columns={"service": "item"})
    frame = frame.assign(dimension="service", horizon="month", scenario="FC", quantile=0.5)
    parts = [
        _complete(frame.assign(measure=name, value=frame[name], unit=unit), result, "standards")
        for name, unit in (("required_hours", "hours"), ("required_fte", "FTE"))
    ]
    cents = frame["staff_cost_cents"].astype("Int64")
    cost = frame.assign(
        measure="staff_cost",
        cents=cents,
        value=cents.astype("Float64").astype("float64") / 10**result.minor_digits,
        unit=result.currency,
    )
    return [*parts, _complete(cost, result, "standards")]
