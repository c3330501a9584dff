"""What the year will come to: each method with its error on earlier years, the chosen one with its range, by line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.formats import (
    DIMENSIONS,
    MEASURES,
    METHODS,
    NOT_AVAILABLE,
    counted,
    is_missing,
    listed,
    share,
    verdict,
    word,
)
from opsanalytics.tables.budget.parts import TYPES, measure_order, names_of, rows_of, speaker, unit_of, writer
from opsanalytics.tables.layout import paragraph, text_frame

if TYPE_CHECKING:
    from opsanalytics.budget import BudgetVariance


def outlook_sentence(variance: BudgetVariance) -> str:
    """What will the year come to by the chosen outlook, within which range, and how far off was it in earlier years?"""
    rows = variance.outlook[variance.outlook["chosen"].astype(bool) & (variance.outlook["horizon"] == "fy")]
    results = rows[rows["measure"] == "result"]
    if results.empty:
        return "The outlook for the year is off: there are no actuals to date."
    row = results.iloc[0]
    speak = speaker(variance)
    text = f"Outlook for the full year ({word(METHODS, row['method'])}): result {speak(row['cents'])}"
    text += _range(row, speak)
    if is_missing(row["variance_cents"]):
        return paragraph([f"{text}, with no plan to compare with{_tested(variance, str(row['method']))}."])
    change = speak(int(row["variance_cents"]), signed=True)
    effect = verdict(int(row["effect_cents"]))
    return paragraph([f"{text}, {change} against plan ({effect}){_tested(variance, str(row['method']))}."])


def outlook_table(variance: BudgetVariance) -> pd.DataFrame:
    """Set out the full year by each method of outlook, measure by measure, beside the plan; the chosen one is marked.

    Columns: Measure, Method, FC, the 80 % range of the chosen one, PL, the variance, Effect; of its backtest at the
    same month of earlier years the error (WAPE) and bias, the years it was tested on, its weight in the chosen one.
    """
    rows = measure_order(rows_of(variance.outlook, horizon="fy"))
    unit, name = unit_of(variance, rows["cents"])
    write = writer(variance, unit)
    tests = {(str(r["measure"]), str(r["method"])): r for r in variance.outlook_accuracy.to_dict("records")}
    lines = []
    for _, r in rows.iterrows():
        known = not is_missing(r["variance_cents"])
        test = tests.get((str(r["measure"]), str(r["method"])), {})
        lines.append(
            [
                MEASURES[r["measure"]],
                word(METHODS, r["method"]),
                write(r["cents"]),
                *(write(None if is_missing(r.get(side)) else r[side]) for side in ("lo_cents", "hi_cents")),
                write(r["plan_cents"]),
                write(r["variance_cents"], signed=True),
                verdict(int(r["effect_cents"])) if known else NOT_AVAILABLE,
                share(test.get("wape")),
                share(test.get("bias"), signed=True),
                str(int(test["years"])) if test else NOT_AVAILABLE,
                share(test.get("weight")),
                "chosen" if r["chosen"] else "",
            ]
        )
    money = [f"FC {name}", f"From {name}", f"To {name}", f"PL {name}", f"ΔPL {name}"]
    return text_frame(lines, ["Measure", "Method", *money, "Effect", "WAPE", "Bias", "Years", "Weight", ""])


def outlook_lines_table(variance: BudgetVariance, by: str = "pl_line") -> pd.DataFrame:
    """What will each line come to? Actual to date, the open months by the chosen outlook, the year, beside the plan.

    A month to date that the ledger lacks is forecast too, so AC to date and FC of the rest may make less than the year.
    Columns: the item, Type, AC to date, FC rest of year, FC full year, PL full year, the variance, Effect.
    """
    rows = rows_of(variance.amounts, dimension=by)
    rows = rows[rows["item2"].isin(TYPES)] if len(rows) else rows
    cents = {
        (str(r["item"]), str(r["item2"]), r["horizon"], r["scenario"]): int(r["cents"]) for _, r in rows.iterrows()
    }
    heads = [DIMENSIONS[by], "Type"]
    lines_of = sorted({key[:2] for key in cents if key[2:] == ("fy", "FC")}, key=lambda k: (TYPES.index(k[1]), k[0]))
    if not lines_of:
        return text_frame([], [*heads, "AC to date", "FC rest", "FC year", "PL year", "ΔPL", "Effect"])
    unit, name = unit_of(variance, pd.Series([cents[*key, "fy", "FC"] for key in lines_of], dtype="int64"))
    write = writer(variance, unit)
    names = names_of(variance)
    lines = []
    for item, kind in lines_of:
        shown = [cents.get((item, kind, *at)) for at in (("ytd", "AC"), ("roy", "FC"), ("fy", "FC"), ("fy", "PL"))]
        year, plan = shown[2], shown[3]
        change = None if year is None or plan is None else year - plan
        effect = NOT_AVAILABLE if change is None else verdict(-change if kind == "cost" else change)
        label = names.get((by, item), item)
        lines.append([label, kind, *(write(c) for c in shown), write(change, signed=True), effect])
    money = [f"{head} {name}" for head in ("AC to date", "FC rest", "FC year", "PL year", "ΔPL")]
    return text_frame(lines, [*heads, *money, "Effect"])


def _range(row: pd.Series, speak: Callable[..., str]) -> str:
    low, high = row.get("lo_cents"), row.get("hi_cents")
    if is_missing(low) or is_missing(high):
        return ""
    return f" (80 % range {speak(low)} to {speak(high)})"


def _tested(variance: BudgetVariance, method: str) -> str:
    """Say how far the method was off in earlier years, or that it could not be tested."""
    tests = rows_of(variance.outlook_accuracy, method=method)
    tests = tests[tests["years"] > 0] if len(tests) else tests
    if tests.empty:
        return "; not tested, as there is no earlier year to test on"
    years = int(tests["years"].max())
    errors = [
        f"{measure} by {share(float(rows_of(tests, measure=measure)['wape'].iloc[0]))}"
        for measure in TYPES
        if len(rows_of(tests, measure=measure))
    ]
    return f"; tested at this month of {counted(years, 'earlier year')}, it missed {listed(errors)}"
