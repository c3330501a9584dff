"""Commentary: what can be said about a variance from the numbers alone, and what an analyst said about it.

A draft holds facts: how much, by which driver, whether a forecast knew it, what the year will come to. Each number
in it names the figure that it was taken from. An analyst's own text stands beside the draft and is never replaced;
it is stale once the figure under it has moved by more than what is material.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from opsanalytics.budget.comparison import EFFECT_SIGN, INCOMPLETE
from opsanalytics.budget.result import Findings, rows_of
from opsanalytics.formats import (
    ANALYSES,
    DRIVERS,
    MEASURES,
    MISSING_MONTHS,
    TOTAL,
    counted,
    is_missing,
    item_name,
    key_of,
    listed,
    money,
    money_unit,
    month_name,
    share,
    shorten,
    unit_name,
    verdict,
    word,
)

NOTHING_TO_KNOW, NOT_KNOWN = "Nothing material to know", "Not known"
KNOWN, PARTLY_KNOWN = "Known", "Partly known"
COMMENTED, STALE, NO_AMOUNT, EARLIER = "commented", "stale", "no amount", "earlier"

#: The key columns of a figure; the quantile is of no use to money.
_KEY = [
    *("report", "entity", "period", "horizon", "measure", "dimension", "item", "dimension2", "item2"),
    *("scenario", "reference", "quantile"),
]
_REPORT = "budget_variance"
_AGAINST_PLAN = {"horizon": "ytd", "scenario": "AC", "reference": "PL"}
_DRAFTS = ["dimension", "item", "item2", "text"]
_COMMENT = ["period", "measure", "dimension", "item", "author", "written_on", "text", "amount_cents"]
_COMPARED = {"variance": "variance_cents", "effect": "effect_cents", "amount": "actual_cents"}
_NAMED_DRIVERS = 3
_SMALLEST_PART = 10  # a driver is named from a tenth of the variance on
_NOT_EXPLAINED = ", not explained"
_MOST = 2  # one ledger line is named from half of the variance on, and from twice the next line
_FAR_BEYOND = 1.5  # and up to half as much again as the variance: what is larger is no reason but usual


# The analyst's own text


def comment_state(amount_cents: int | None, now_cents: int | None, materiality_cents: int) -> str:
    """How does a comment stand to the figure it is about: "commented", "stale" or "no amount"?

    It is stale when the figure differs from the amount commented on by more than the materiality amount. Without an
    amount it never goes stale; where the figure does not exist (None) nothing says that it has moved.
    """
    if amount_cents is None:
        return NO_AMOUNT
    moved = now_cents is not None and abs(now_cents - amount_cents) > materiality_cents
    return STALE if moved else COMMENTED


def comments_on(
    commentary: pd.DataFrame | None,
    variances: pd.DataFrame,
    *,
    period: str,
    entity: str,
    materiality_cents: int,
    also: Sequence[str] = (),
    since: str = "",
) -> pd.DataFrame:
    """Which comments were written on this month's figures of `entity`, and do they still hold? None is left out.

    `commentary` is the checked table, perhaps after older ones, whose rows it replaces; `variances` those to be judged
    (`Findings.comparable`); `also` names entities that are the same one (a single site and "(all)"). A comment
    is about the year to date against plan: the variance, or with another measure the effect or the amount. What has
    no comment this month keeps those of the last month that has any, in the state "earlier"; one from before `since`,
    the first month of the fiscal year, is about another year's figure and has no amount of now.

    Returns period, measure, dimension, item, author, written_on, text, amount_cents, now_cents (Int64, missing where
    no such figure exists) and state.
    """
    columns = [*_COMMENT, "now_cents", "state"]
    table = pd.DataFrame(columns=["entity", *_COMMENT]) if commentary is None else commentary
    table = table.reindex(columns=["entity", *_COMMENT])
    written = table["text"].fillna("").astype("str").str.strip() != ""
    key = ["measure", "dimension", "item"]
    ours = table[table["entity"].isin([entity, *also]) & (table["period"] <= period) & written]
    ours = ours.drop_duplicates(["entity", "period", *key], keep="last")
    ours = ours.sort_values([*key, "period", "entity", "text"], kind="stable")
    now = ours[ours["period"] == period]
    spoken = pd.MultiIndex.from_frame(now[key])
    before = ours[(ours["period"] < period) & ~pd.MultiIndex.from_frame(ours[key]).isin(spoken)]
    before = before[before["period"] == before.groupby(key, dropna=False)["period"].transform("max")]
    figures = _figures_to_date(variances)
    found = pd.concat([now, before]).sort_values(key, kind="stable").reset_index(drop=True)
    named = zip(found["measure"], found["dimension"], found["item"], strict=True)
    current = [figures.get(k) if month >= since else None for month, k in zip(found["period"], named, strict=True)]
    amounts = [None if is_missing(cents) else int(cents) for cents in found["amount_cents"]]
    states = [
        comment_state(amount, cents, materiality_cents) if month == period else EARLIER
        for month, amount, cents in zip(found["period"], amounts, current, strict=True)
    ]
    return found.assign(
        amount_cents=pd.array(amounts, dtype="Int64"),
        now_cents=pd.array(current, dtype="Int64"),
        state=pd.Series(states, found.index, dtype="str"),
    )[columns]


def _figures_to_date(variances: pd.DataFrame) -> Mapping[tuple[str, str, str], int]:
    """Return the year's figures against plan by what a comment names: measure, dimension, item.

    Two figures under one name (a line with revenue and cost) are none: no comment can be held against either.
    """
    rows = rows_of(variances, horizon="ytd", reference="PL")
    found: dict[tuple[str, str, str], list[int]] = {}
    for r in rows.to_dict("records"):
        if r["dimension"] != TOTAL:
            names = dict(_COMPARED)
        else:
            names = {r["measure"]: "actual_cents"} | (_COMPARED if r["measure"] == "result" else {})
        for name, column in names.items():
            found.setdefault((name, r["dimension"], r["item"]), []).append(int(r[column]))
    return {key: cents[0] for key, cents in found.items() if len(cents) == 1}


# Drafts


class _Figure(NamedTuple):
    """What a draft is about: the total, or one type of one P&L line, with its row of the variances."""

    row: Mapping[Any, Any]
    amount: Mapping[str, str]  # the key of its amounts among the figures
    compared: Mapping[str, str]  # the key of its variances
    name: str
    type: str


class _Draft:
    """A draft in the making: what it says, and the key of the figure behind each number that it writes."""

    def __init__(self, variance: Findings) -> None:
        totals = variance.amounts.loc[variance.amounts["dimension"] == TOTAL, "cents"]
        self._unit = money_unit(totals, variance.minor_digits)
        self._variance = variance
        self.numbers: list[dict[str, Any]] = []

    def money(self, cents: int, key: Mapping[str, str], *, signed: bool = False) -> str:
        """Write an amount with its unit, in the unit of every sentence on this result."""
        variance = self._variance
        text = money(cents, variance.minor_digits, self._unit, signed=signed)
        return self._noted(f"{text} {unit_name(variance.currency, self._unit)}", key)

    def share(self, value: float, key: Mapping[str, str]) -> str:
        """Write a share without its sign, which a word beside it tells."""
        return self._noted(share(abs(value)), key)

    def _noted(self, text: str, key: Mapping[str, str]) -> str:
        fixed = {"report": _REPORT, "entity": self._variance.entity, "period": self._variance.period}
        unused = dict.fromkeys(_KEY, "") | {"quantile": float("nan")}
        self.numbers.append({"number": text} | unused | fixed | dict(key))
        return text


def draft_commentary(variance: Findings, accounts: pd.DataFrame | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What is off plan to date, how much, why, was it known and what will the year come to: one draft a variance.

    Drafted are the result and each P&L line whose variance of the year to date against plan is material, the largest
    effect first. `accounts` (the checked table) says which drivers concern a line: those of its accounts, those of
    sales where it is the only line of revenue, those of payroll where it is the only line that `staffing` drives;
    without it the result alone is explained by driver. A driver is named from a tenth of the variance on, three at most
    in each analysis; the largest ledger line where it is between half of the variance and half as much
    again, and twice the next one.

    Returns the drafts [dimension, item, item2, text] and their numbers [draft (row of the drafts), number (as it
    stands in the text), and the key columns of the figure it is]. Nothing is said that is no figure.
    """
    drafts, numbers = [], []
    compared = rows_of(variance.comparable, horizon="ytd")
    for place, figure in enumerate(_drafted(compared)):
        draft = _Draft(variance)
        sentences = [
            _what(draft, figure),
            *_why(draft, figure, variance, accounts),
            *_largest_line(draft, figure, variance),
            _known(draft, figure, variance, compared),
            _outlook(draft, figure, variance),
        ]
        text = " ".join(" ".join(sentences).split())
        drafts.append([figure.row["dimension"], figure.row["item"], figure.type, text])
        numbers += [{"draft": place, **number} for number in draft.numbers]
    frame = pd.DataFrame(numbers, columns=["draft", "number", *_KEY])
    text_columns = dict.fromkeys(["number", *_KEY], "str")
    return (
        pd.DataFrame(drafts, columns=_DRAFTS, dtype="str"),
        frame.astype(text_columns | {"draft": "int64", "quantile": "float64"}),
    )


def _drafted(compared: pd.DataFrame) -> Iterator[_Figure]:
    """Name the result and each material line, from the variances of the year to date."""
    rows = rows_of(compared, reference="PL")
    for r in rows_of(rows, dimension=TOTAL, measure="result").to_dict("records"):
        whole = {"dimension": TOTAL, "item": TOTAL}
        amount = {"measure": "result", **whole}
        yield _Figure(r, amount, {**whole, "dimension2": "measure", "item2": "result"}, MEASURES["result"], "result")
    lines = rows_of(rows, dimension="pl_line")
    lines = lines[lines["item2"].isin(["revenue", "cost"])]
    lines = lines.assign(several=lines.groupby("item", dropna=False)["item2"].transform("nunique") > 1)
    lines = lines[lines["material"].astype(bool)]
    lines = lines.assign(size=-lines["effect_cents"].abs()).sort_values(["size", "item", "item2"], kind="stable")
    for r in lines.to_dict("records"):
        key = {name: str(r[name]) for name in ("dimension", "item", "dimension2", "item2")}
        name = shorten(str(r["item"]), 60) + (f", {r['item2']}" if r["several"] else "")
        yield _Figure(r, {"measure": "amount", **key}, key, name, str(r["item2"]))


def _what(draft: _Draft, figure: _Figure) -> str:
    row, like = figure.row, figure.row["status"] == INCOMPLETE
    actual = _side(draft, figure, row, "AC") or "no ledger lines"
    plan = _side(draft, figure, row, "PL") or "nothing"
    key = {**figure.compared, "horizon": "ytd", "scenario": "AC", "reference": "PL"}
    text = f"{figure.name}, year to date: {actual} against a plan of {plan}"
    if not row["variance_cents"] and not like:
        return f"{text}, as planned."
    measure = "variance_like_for_like" if like else "variance"
    change = draft.money(row["variance_cents"], {**key, "measure": measure}, signed=True)
    part = "" if is_missing(row["share"]) else f" ({draft.share(row['share'], {**key, 'measure': 'variance_share'})})"
    over = " over the months that both sides hold" if like else ""
    return f"{text}, {change}{part}{over}: {verdict(row['effect_cents'])}."


def _side(draft: _Draft, figure: _Figure, row: Mapping[Any, Any], scenario: str) -> str:
    """Write one side of a comparison to date; empty where the line does not stand on it, for that is no figure."""
    name, other = ("actual", "reference") if scenario == "AC" else ("reference", "actual")
    if row["dimension"] != TOTAL and row["found_in"] == other:
        return ""
    return draft.money(row[f"{name}_cents"], {**figure.amount, "horizon": "ytd", "scenario": scenario})


def _why(draft: _Draft, figure: _Figure, variance: Findings, accounts: pd.DataFrame | None) -> Iterator[str]:
    if figure.type == "result":
        yield from _why_the_result(draft, figure, variance)
        return
    drivers = _concerning(figure, variance, accounts)
    if drivers.empty:
        return
    items = variance.variances[["dimension", "item", "name"]]
    items = items[items["item"].isin(drivers["item"])].drop_duplicates()
    names = {(str(r["dimension"]), str(r["item"])): r["name"] for r in items.to_dict("records")}
    for analysis in sorted(drivers["analysis"].unique()):
        rows = _largest(drivers[drivers["analysis"] == analysis], ["dimension", "item", "driver"], figure)
        named = [f"{_driver_name(r, names)} {_drove(draft, r)}" for r in rows]
        if named:
            yield f"{word(ANALYSES, analysis)}, in effect on the result: {listed(named)}."


def _why_the_result(draft: _Draft, figure: _Figure, variance: Findings) -> Iterator[str]:
    """Name the largest steps of the bridge by driver, and what they leave; without any driver nothing is explained."""
    steps = rows_of(variance.bridges, by="driver", horizon="ytd", reference="PL")
    drivers, rest = rows_of(steps, kind="driver"), rows_of(steps, kind="rest")
    if drivers.empty:
        return
    rest = rest[rest["driver"] != MISSING_MONTHS]  # the variance that a draft is about leaves them out
    for words, rows in (("By driver, in effect on the result", drivers), ("Not explained by a driver", rest)):
        named = [
            f"{word(DRIVERS, r['driver']).removesuffix(_NOT_EXPLAINED)} {_bridged(draft, r)}"
            for r in _largest(rows, ["step"], figure)
        ]
        if named:
            yield f"{words}: {listed(named)}."


def _bridged(draft: _Draft, row: Mapping[Any, Any]) -> str:
    key = {"measure": "bridge", "dimension": "driver", "item": str(row["driver"])}
    key |= {"dimension2": "step", "item2": str(row["kind"])}
    return draft.money(row["effect_cents"], key | _AGAINST_PLAN, signed=True)


def _drove(draft: _Draft, row: Mapping[Any, Any]) -> str:
    key = {"measure": "driver_effect", "dimension": str(row["dimension"]), "item": str(row["item"])}
    key |= {"dimension2": "driver", "item2": f"{row['analysis']}, {row['driver']}"}
    return draft.money(row["effect_cents"], key | _AGAINST_PLAN, signed=True)


def _driver_name(row: Mapping[Any, Any], names: Mapping[tuple[str, str], object]) -> str:
    dimension, item = str(row["dimension"]), str(row["item"])
    return f"{word(DRIVERS, row['driver'])} of {shorten(item_name(dimension, item, names.get((dimension, item))), 40)}"


def _largest(rows: pd.DataFrame, order: list[str], figure: _Figure) -> list[Mapping[Any, Any]]:
    """Return the largest drivers, each at least a tenth of the variance, as records."""
    if rows.empty:
        return []
    least = abs(int(figure.row["effect_cents"])) / _SMALLEST_PART
    large = rows[(rows["effect_cents"].abs() >= least) & (rows["effect_cents"] != 0)]
    large = large.assign(size=-large["effect_cents"].abs()).sort_values(["size", *order], kind="stable")
    return list(large.head(_NAMED_DRIVERS).to_dict("records"))


def _concerning(figure: _Figure, variance: Findings, accounts: pd.DataFrame | None) -> pd.DataFrame:
    """Return the drivers to date that are about one line."""
    drivers = rows_of(variance.drivers, horizon="ytd", reference="PL")
    if accounts is None or drivers.empty:
        return drivers.iloc[:0]
    line = figure.row["item"]
    own = accounts.loc[(accounts["pl_line"] == line) & (accounts["type"] == figure.type), "account"]
    concern = (drivers["dimension"] == "account") & drivers["item"].isin(own)
    revenue = set(accounts.loc[accounts["type"] == "revenue", "pl_line"])
    staff = set(accounts.loc[accounts.reindex(columns=["driver"])["driver"] == "staffing", "pl_line"])
    if figure.type == "revenue" and revenue == {line}:
        concern |= drivers["analysis"] == "sales"
    if figure.type == "cost" and staff == {line}:
        concern |= drivers["analysis"] == "payroll"
    return drivers[concern]


def _largest_line(draft: _Draft, figure: _Figure, variance: Findings) -> Iterator[str]:
    """Name the largest ledger line behind a variance where it is about as large and stands out from the next one."""
    row = figure.row
    lines = rows_of(variance.largest, dimension=row["dimension"], item=row["item"], item2=row["item2"])
    if lines.empty:
        return
    first, *others = lines.sort_values("rank").to_dict("records")
    cents, change = int(first["amount_cents"]), int(row["variance_cents"])
    usual = bool(others) and _MOST * abs(int(others[0]["amount_cents"])) > abs(cents)
    near = abs(change) <= _MOST * abs(cents) and abs(cents) <= _FAR_BEYOND * abs(change)
    if usual or cents * change <= 0 or not near:
        return
    key = {"measure": "largest_line", "dimension": str(first["dimension"]), "item": str(first["item"])}
    key |= {"dimension2": "ledger_line", "item2": key_of(first["document"], first["line"])}
    amount = draft.money(cents, key | _AGAINST_PLAN)
    words = "" if is_missing(first["text"]) else shorten(str(first["text"]), 60)
    said = f' "{words}",' if words else ""
    yield f"The largest ledger line behind it,{said} posted for {month_name(str(first['period']))}: {amount}."


def _known(draft: _Draft, figure: _Figure, variance: Findings, compared: pd.DataFrame) -> str:
    """Was it known? Judged by the last forecast on record before each month."""
    row = figure.row
    same = {name: row[name] for name in ("measure", "dimension", "item", "item2")}
    found = rows_of(compared, reference="FC", **same)
    if found.empty:
        return "Whether it was known is not on record: there is no forecast of these months."
    forecast = found.to_dict("records")[0]
    had = _side(draft, figure, forecast, "FC") or "nothing of it"
    whole = ", the months included that are missing" if forecast["status"] == INCOMPLETE else ""
    months = variance.forecast
    if figure.type != "result":
        months = rows_of(months, pl_line=row["item"], type=figure.type)
    return f"{known_word(row, forecast)}: the last forecasts{made_now(months)} had {had}{whole}."


def known_word(against_plan: Mapping[Any, Any], against_forecast: Mapping[Any, Any]) -> str:
    """Was a variance against plan known to the last forecast made before each month?

    Both are rows of `Findings.comparable` for one item. `NOTHING_TO_KNOW`: the variance against plan is not
    material. `NOT_KNOWN`: the actual is as far off the forecast as off the plan, or on the other side of it.
    `KNOWN`: it is nearer to the forecast, and not materially off it. `PARTLY_KNOWN`: nearer, on the same side, but
    materially off.
    """
    off_plan, off_forecast = int(against_plan["variance_cents"]), int(against_forecast["variance_cents"])
    if not against_plan["material"]:
        return NOTHING_TO_KNOW
    if abs(off_forecast) >= abs(off_plan):
        return NOT_KNOWN
    if not against_forecast["material"]:
        return KNOWN
    return PARTLY_KNOWN if off_plan * off_forecast > 0 else NOT_KNOWN


def made_now(forecast: pd.DataFrame) -> str:
    """Say how many of the months of a forecast (`Findings.forecast`) were made now, for want of one on record."""
    if forecast.empty:
        return ""
    now = forecast.loc[forecast["reconstructed"].astype(bool), "period"].nunique()
    count = forecast["period"].nunique()
    if not now:
        return ""
    which = "" if now == count else f"{now} of {counted(count, 'month')} "
    return f" ({which}made now from what was known then)"


def _outlook(draft: _Draft, figure: _Figure, variance: Findings) -> str:
    """What will the year come to? Both sides are figures; the distance is left to a word."""
    names = ("measure", "dimension", "item", "item2")
    rows = rows_of(variance.amounts, **{name: figure.row[name] for name in names}, horizon="fy")
    cents = {str(r["scenario"]): int(r["cents"]) for r in rows.to_dict("records")}
    if "FC" not in cents:
        return ""
    year = draft.money(cents["FC"], {**figure.amount, "horizon": "fy", "scenario": "FC"})
    if "PL" not in cents:
        return f"Outlook for the full year: {year}."
    plan = draft.money(cents["PL"], {**figure.amount, "horizon": "fy", "scenario": "PL"})
    effect = (cents["FC"] - cents["PL"]) * EFFECT_SIGN[figure.type]
    return f"Outlook for the full year: {year} against a plan of {plan} ({verdict(effect)})."
