"""Joined: the tables of a whole run, made of the parts that its notebooks put on record."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.formats import ALL, UNASSIGNED
from opsanalytics.results.analyses import (
    budget_of_staff,
    forecast,
    has_needs,
    sites_with_demand,
    staff,
    staffed,
    variance,
)
from opsanalytics.results.form import COLUMNS, KEY, dtype_of
from opsanalytics.results.record import PARTIAL, PARTS, is_on_record, parts_of, save, scalar_on_record

if TYPE_CHECKING:
    from opsanalytics import sources
    from opsanalytics.results.record import Result

#: The columns that a table has also when no notebook put anything into it.
_BARE = {
    "figures": COLUMNS,
    "outlook": [
        *("site", "department", "cost_centre", "account", "pl_line", "type"),
        *("period", "cents", "cutoff", "reconstructed"),
    ],
}


@dataclasses.dataclass(frozen=True)
class RunResults:
    """All that a run found: `figures` (the design's columns), `forecasts`, `staffing` and `outlook` (long frames)."""

    figures: pd.DataFrame
    forecasts: pd.DataFrame
    staffing: pd.DataFrame
    outlook: pd.DataFrame


def collect(inputs: sources.Inputs, period: str, run_dir: str | Path = "") -> RunResults:
    """Return all results of a run: those on record in `run_dir`, or with none given, computed now for every entity."""
    if run_dir:
        return RunResults(*(pd.read_parquet(Path(run_dir) / f"{name}.parquet") for name in PARTS))
    found = [*_variances(inputs, period), *_forecasts_and_staff(inputs, period)]
    return _join([parts_of(result) for result in found], inputs.entities())


def _variances(inputs: sources.Inputs, period: str) -> list[Result]:
    if not has_needs(inputs, "01_budget_variance"):
        return []
    return [variance(inputs, period, entity) for entity in _entities(inputs, period)]


def _entities(inputs: sources.Inputs, period: str) -> list[str]:
    """Return the entities, and `(unassigned)` where money has no site, so that they sum to the whole."""
    from opsanalytics import budget

    named = inputs.entities()
    money = pd.DataFrame(sorted(inputs.places(period)), columns=["cost_centre", "period"], dtype="str")
    placed = budget.placed(money, inputs.tables["cost_centres"], inputs.settings.calendar)
    return [UNASSIGNED, *named] if (placed["site"] == UNASSIGNED).any() else named


def _forecasts_and_staff(inputs: sources.Inputs, period: str) -> list[Result]:
    from opsanalytics import demand, staffing

    if not has_needs(inputs, "02_seasonal_demand"):
        return []
    sites = [forecast(inputs, period, site) for site in sites_with_demand(inputs, period)]
    found: list[Result] = [*sites, demand.total(sites)]
    if has_needs(inputs, "03_staffing_forecast"):
        budget = budget_of_staff(inputs, period)
        people = [staffed(inputs, part, budget) for part in sites]
        found += [*people, staffing.total(people)]
    return found


def merge(run_dir: str | Path, inputs: sources.Inputs, period: str) -> RunResults:
    """Join the parts on record into the run's tables (`PARTS`, each a Parquet file), and return them.

    What is assigned to no site has no notebook of its own: its part is made here, beside the whole it belongs to.
    With one site only, its figures carry both names, the site's and the whole's.
    """
    _save_unassigned(Path(run_dir), inputs, period)
    parts = []
    whole = [path.parent for path in sorted(Path(run_dir).glob("results/*/*/result.json"))]
    for folder in [folder for folder in whole if folder.suffix != PARTIAL]:  # a kernel may have died while it saved
        files = [folder / f"run_{name}.parquet" for name in PARTS]
        parts.append(tuple(pd.read_parquet(file) if file.exists() else pd.DataFrame() for file in files))
    joined = _join(parts, inputs.entities())
    for name in PARTS:
        path = Path(run_dir) / f"{name}.parquet"
        aside = path.with_name(f"{path.name}.partial")
        getattr(joined, name).to_parquet(aside, index=False)
        aside.replace(path)
    return joined


def _save_unassigned(run_dir: Path, inputs: sources.Inputs, period: str) -> None:
    """Put `(unassigned)` on record, and with one site only also the whole, which is then more than that site."""
    sites = [entity for entity in inputs.entities() if entity != ALL]
    whole, missing = (sites[0], [UNASSIGNED, ALL]) if len(sites) == 1 else (ALL, [UNASSIGNED])
    budget_done = is_on_record(run_dir, whole, "budget_variance")
    views = {
        name: scalar_on_record(run_dir, whole, "budget_variance", name)
        for name in ("structure", "one_offs")
        if budget_done
    }
    for entity in missing:
        if budget_done and UNASSIGNED in _entities(inputs, period):
            save(variance(inputs, period, entity, **views), run_dir)
        if is_on_record(run_dir, whole, "seasonal_demand") and UNASSIGNED in sites_with_demand(inputs, period):
            save(forecast(inputs, period, entity, run_dir), run_dir)
            if is_on_record(run_dir, whole, "staffing_forecast"):
                save(staff(inputs, period, entity, run_dir), run_dir)


def _join(parts: Sequence[tuple[pd.DataFrame, ...]], entities: Sequence[str]) -> RunResults:
    sites = [entity for entity in entities if entity != ALL]
    found = {}
    for position, name in enumerate(PARTS):
        held = parts if name != "outlook" else _of_the_whole(parts, sites)
        own = [part[position] for part in held if not part[position].empty]
        column = "entity" if name == "figures" else "site"
        bare = pd.DataFrame(columns=_BARE.get(name, [column]), dtype="str")
        frame = pd.concat(own, ignore_index=True) if own else bare
        if name != "outlook" and len(sites) == 1 and not frame.empty:
            frame = _with_both_names(frame, column, sites[0])
        found[name] = frame
    if found["figures"].empty:
        found["figures"] = pd.DataFrame({name: pd.Series(dtype=dtype_of(name)) for name in COLUMNS})
    found["figures"] = found["figures"].sort_values(KEY, ignore_index=True)
    return RunResults(**found)


def _of_the_whole(parts: Sequence[tuple[pd.DataFrame, ...]], sites: Sequence[str]) -> list[tuple[pd.DataFrame, ...]]:
    """Return the part whose forecasts are the company's: the whole's or, where there is none, the only site's.

    A run of some sites leaves none, for the next one would take them for the forecast of the whole.
    """
    held = {str(part[0]["entity"].iloc[0]): part for part in parts if not part[PARTS.index("outlook")].empty}
    whole = ALL if ALL in held else sites[0] if len(sites) == 1 else ALL
    return [held[whole]] if whole in held else []


def _with_both_names(frame: pd.DataFrame, column: str, site: str) -> pd.DataFrame:
    """Give the only site's rows the whole's name too, in each report that has no whole of its own."""
    report = frame["report"] if "report" in frame else pd.Series("", index=frame.index)
    of_site = (frame[column] == site) & ~report.isin(report[frame[column] == ALL])
    return pd.concat([frame, frame[of_site].assign(**{column: ALL})], ignore_index=True)
