"""What the year will come to: each method with its error on earlier years, the chosen one with its range, by line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.budget.result import rows_of
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
from opsanalytics.tables.budget.parts import TYPES, names_of, speaker, unit_of, writer
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
    """Set out the full year by each method of outlook, measures side by side; the chosen one last, with its range.

    Columns: Full year (a row for the plan, one for each method, one for each end of the chosen one's 80 % range),
    Revenue, Cost, Result, the variance of each from plan, Effect (the result's). What the plan or an end of the range
    has no use for is blank.
    """
    rows = rows_of(variance.outlook, horizon="fy")
    heads = ["Full year", *MEASURES.values(), *(f"ΔPL {label}" for label in MEASURES.values()), "Effect"]
    if rows.empty:
        return text_frame([], heads)
    unit, name = unit_of(variance, rows["cents"])
    write = writer(variance, unit)
    blank = [""] * (len(MEASURES) + 1)
    lines = []
    plan = rows.drop_duplicates("measure").set_index("measure")["plan_cents"]
    if plan.notna().any():
        lines.append(["plan", *(write(plan.get(measure)) for measure in MEASURES), *blank])
    ordered = rows.sort_values("chosen", kind="stable")
    for method in ordered["method"].drop_duplicates():
        own = rows[rows["method"] == method].set_index("measure")
        cents, change = ([own[column].get(m) for m in MEASURES] for column in ("cents", "variance_cents"))
        effect = own["effect_cents"].get("result")
        text = f"{word(METHODS, method)}{', chosen' if own['chosen'].any() else ''}"
        amounts = [*map(write, cents), *(write(c, signed=True) for c in change)]
        lines.append([text, *amounts, NOT_AVAILABLE if is_missing(effect) else verdict(int(effect))])
    chosen = rows[rows["chosen"].astype(bool)].set_index("measure")
    for side, text in (("lo_cents", "80 % range, from"), ("hi_cents", "80 % range, to")):
        ends = chosen[side] if side in chosen else pd.Series(dtype="Int64")
        if ends.notna().any():
            lines.append([text, *(write(ends.get(measure)) for measure in MEASURES), *blank])
    money = [f"{head} {name}" for head in heads[1:-1]]
    return text_frame(lines, [heads[0], *money, heads[-1]])


def outlook_accuracy_table(variance: BudgetVariance) -> pd.DataFrame:
    """How far was each method off at this month of earlier years, and how much does the chosen outlook rely on it?

    Columns: Method, Years (tested on), and for revenue and cost WAPE (the error), Bias (above zero: too high), Weight
    (its share in the combination, which has none itself). A method that could not be tested is "n.a.".
    """
    tests = variance.outlook_accuracy
    heads = [f"{MEASURES[measure]} {score}" for measure in TYPES for score in ("WAPE", "bias", "weight")]
    if tests.empty:
        return text_frame([], ["Method", "Years", *heads])
    rows = rows_of(variance.outlook, horizon="fy")
    rows = rows.sort_values("chosen", kind="stable") if len(rows) else rows
    methods = [str(method) for method in (rows if len(rows) else tests)["method"].drop_duplicates()]
    found = {(str(r["measure"]), str(r["method"])): r for r in tests.to_dict("records")}
    combined = set(rows.loc[rows["chosen"].astype(bool), "method"]) if len(rows) else set()
    lines = []
    for method in methods:
        scores = [found.get((measure, method), {}) for measure in TYPES]
        years = sorted({int(test["years"]) for test in scores if test})
        cells = [
            cell
            for test in scores
            for cell in (
                share(test.get("wape")),
                share(test.get("bias"), signed=True),
                "" if method in combined else share(test.get("weight")),
            )
        ]
        lines.append([word(METHODS, method), " or ".join(map(str, years)) or NOT_AVAILABLE, *cells])
    return text_frame(lines, ["Method", "Years", *heads])


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
