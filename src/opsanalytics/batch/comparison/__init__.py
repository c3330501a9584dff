"""Comparison: which figures of two runs of a period differ, and why.

`finished` opens a run folder, `figures` finds the figures that differ, `causes` attributes them to
data, settings, parameters, code or library versions, `rows` finds the rows of the input tables that
changed, and `words` says it all. Times and durations are not compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from opsanalytics.batch.comparison.causes import UNEXPLAINED, Attribution, Cause
from opsanalytics.batch.comparison.figures import differing, read_figures
from opsanalytics.batch.comparison.finished import FinishedRun, open_run
from opsanalytics.batch.comparison.rows import TableRows, differing_rows
from opsanalytics.batch.comparison.words import lines
from opsanalytics.batch.planning.notebooks import RequestError

__all__ = ["Cause", "Comparison", "TableRows", "compare", "lines"]


@dataclass(frozen=True)
class Comparison:
    """What differs between the runs `a` and `b`.

    `differences` has the columns of `results.KEY`, then only ("A" or "B" where the other run lacks the figure, else
    ""), cents_a and cents_b (Int64), value_a and value_b, unit, and causes (text); `compared` is how many figures
    there are in both together. `causes` says how many figures each cause is given for, 0 for what differs between the
    runs and changed none. `rows` are the rows of the input tables that differ.
    """

    a: FinishedRun
    b: FinishedRun
    compared: int
    differences: pd.DataFrame
    causes: Mapping[Cause, int]
    rows: tuple[TableRows, ...]

    @property
    def same(self) -> bool:
        """Does no figure differ?"""
        return self.differences.empty


def compare(a: Path, b: Path) -> Comparison:
    """Which figures differ between two finished runs of one period, and what is it due to?

    Money is compared to the cent, other figures within `figures.RELATIVE_TOLERANCE` and `figures.ABSOLUTE_TOLERANCE`.
    Raises RequestError when a folder is no run, holds no figures or is not finished, or when the periods differ.
    """
    first, second = open_run(a), open_run(b)
    if first.period != second.period:
        raise RequestError(
            f"{a} is a run of {first.period} and {b} one of {second.period}: figures of two periods differ because "
            "they are of two periods. Name two runs of the same period, such as a run and the one made again."
        )
    figures_a, figures_b = read_figures(first.folder), read_figures(second.folder)
    found, compared = differing(figures_a, figures_b)
    attribution = Attribution.of(first, second)
    rows = differing_rows(first.folder / "inputs", second.folder / "inputs", attribution.tables)
    attribution = attribution.knowing({table.table for table in rows if table.total})
    groups = found.groupby(["report", "entity"], dropna=False).size()
    due = {(str(report), str(entity)): attribution.due_to(str(report), str(entity)) for report, entity in groups.index}
    causes = dict.fromkeys(attribution.everywhere, 0)
    for place, count in zip(due, groups, strict=True):
        for cause in due[place]:
            causes[cause] = causes.get(cause, 0) + int(count)
    said = [
        "; ".join(cause.text for cause in due[str(report), str(entity)])
        for report, entity in zip(found["report"], found["entity"], strict=True)
    ]
    found = found.assign(causes=pd.Series(said, index=found.index, dtype="str"))
    alarming = (found["causes"] != UNEXPLAINED.text).astype("int64")
    found = found.assign(_alarming=alarming).sort_values("_alarming", kind="stable", ignore_index=True)
    return Comparison(first, second, compared, found.drop(columns="_alarming"), dict(sorted(causes.items())), rows)
