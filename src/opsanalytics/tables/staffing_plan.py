"""The months to come in words and tables: risk, people and hires, cost beside the budget, what moves it, shifts.

Sentences say what is forecast roughly ("about"), tables exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.formats import (
    about,
    about_money,
    counted,
    entity_name,
    is_missing,
    listed,
    money,
    money_unit,
    month_name,
    number,
    share,
    unit_name,
    verdict,
    word,
)
from opsanalytics.tables.layout import paragraph, text_frame

if TYPE_CHECKING:
    from opsanalytics.staffing import QueueDetail, StaffingForecast

BASE, LEAST_COST = "base", "least cost"
_PARTS: Mapping[str, str] = MappingProxyType(
    {
        "staff_cents": "Staff",
        "overtime_cents": "Overtime",
        "temporary_cents": "Temporary staff",
        "hiring_cents": "Hiring",
    }
)
_SAID = 6
_OFF = "The workforce plan is off: no service has headcount, wage and a forecast of the months to come."


def risk_table(staffing: StaffingForecast) -> pd.DataFrame:
    """Set out, for each quantile that is staffed to, what it costs and how often the promise is missed.

    Shares of the simulated runs: what is attained, which is the work done in time, or the volume of the intervals that
    keep an occupancy where no service level is promised (the mean, and the tenth of the runs that are lower); intervals
    and months in which the promise is missed.
    """
    rows = staffing.risk.sort_values(["site", "service", "quantile"], kind="stable")
    unit = money_unit(rows["cost_cents"], staffing.minor_digits)
    lines = [
        [
            *_names(r),
            f"P{number(100 * float(r['quantile']))}",
            number(_value(r["hours"])),
            money(r["cost_cents"], staffing.minor_digits, unit),
            *(share(_value(r[name])) for name in ("attained", "attained_low", "intervals_missed", "months_missed")),
        ]
        for _, r in rows.iterrows()
    ]
    shares = ["Attained", "One run in ten below", "Intervals missed", "Months missed"]
    cost = f"Cost {unit_name(staffing.currency, unit)}"
    return text_frame(lines, ["Site", "Service", "Staffed to", "Hours", cost, *shares])


# ------------------------------------------------------------------ people and hires


def workforce_sentence(staffing: StaffingForecast, *, alternative: str = LEAST_COST) -> str:
    """Whom must be hired, what do the months to come cost, and which month is shortest of people?"""
    rows = _rows_of(staffing, alternative)
    if rows.empty:
        return _OFF
    sentences = [_plan_sentence(staffing, rows, alternative), _others_sentence(staffing, alternative)]
    groups = list(rows.groupby(["site", "service"], sort=True))
    for (site, service), own in groups[:_SAID]:
        sentences.append(f"{_label(staffing, str(site), str(service))}: {_people(own.sort_values('period'))}.")
    if len(groups) > _SAID:
        sentences.append(f"{len(groups) - _SAID} more stand in the table.")
    return paragraph(sentences)


def workforce_table(staffing: StaffingForecast, *, service: str = "", alternative: str = LEAST_COST) -> pd.DataFrame:
    """Set out the months to come under one alternative: people required, there and to be hired, cover, and cost.

    The gap is effective less required FTE, before overtime and temporary staff. Hires to request are those besides the
    ones on record, which stand in a column of their own where there are any. One `service`, or all of them.
    """
    rows = _rows_of(staffing, alternative)
    rows = rows[rows["service"] == service] if service else rows
    rows = rows.sort_values(["site", "service", "period"], kind="stable")
    cents = rows[list(_PARTS)].sum(axis=1, skipna=False)
    unit = money_unit(cents, staffing.minor_digits)
    hires = _hire_columns(rows["recorded"])
    digits = {name: _digits(rows[name]) for name in hires}
    lines = [
        [
            *_names(r),
            month_name(str(r["period"])),
            *(number(_value(r[name]), 1) for name in ("required_fte", "effective_fte")),
            number(_value(r["gap_fte"]), 1, signed=True),
            *(number(_value(r[name]), 1) for name in ("leavers", "joiners")),
            *(number(_value(r[name]), digits[name]) for name in hires),
            *(number(_value(r[name])) for name in ("overtime_hours", "temporary_hours")),
            money(cost, staffing.minor_digits, unit),
        ]
        for (_, r), cost in zip(rows.iterrows(), cents, strict=True)
    ]
    people = ["Required FTE", "Effective FTE", "Gap FTE", "Leave", "Join", *hires.values()]
    cost = f"Cost {unit_name(staffing.currency, unit)}"
    return text_frame(lines, ["Site", "Service", "Month", *people, "Overtime hours", "Hours of temporary staff", cost])


def plan_cost_table(staffing: StaffingForecast) -> pd.DataFrame:
    """Set out what the months to come cost under each alternative, and what it leaves short; all services together.

    The difference is to the cheapest of those that leave nothing short. Hires on record cost the same in each.
    """
    from opsanalytics.staffing.planning.comparison import cheapest, plan_costs
    from opsanalytics.staffing.planning.workforce import requests_of

    asked = requests_of(staffing.workforce).groupby("alternative", sort=False)[["recorded", "further"]].sum()
    table = plan_costs(staffing.workforce).join(asked)
    hires = _hire_columns(table["recorded"])
    digits = {name: _digits(table[name]) for name in hires}
    unit = money_unit(table["total_cents"], staffing.minor_digits)
    write = _writer(staffing, unit)
    least = int(table["total_cents"][cheapest(table)]) if len(table) else 0
    lines = [
        [
            _opened(str(alternative)),
            *(write(r[name]) for name in _PARTS),
            write(r["total_cents"]),
            write(int(r["total_cents"]) - least, signed=True),
            *(number(r[name], digits[name]) for name in hires),
            number(r["fte_months_short"], 1),
        ]
        for alternative, r in table.iterrows()
    ]
    parts = [f"{part} {unit_name(staffing.currency, unit)}" for part in (*_PARTS.values(), "Total", "Difference")]
    return text_frame(lines, ["Alternative", *parts, *hires.values(), "FTE months short"])


# ------------------------------------------------------------------ payroll budget


def payroll_sentence(staffing: StaffingForecast) -> str:
    """Does the payroll budget pay for the staff that the forecast requires?"""
    rows = staffing.payroll.sort_values("period", kind="stable")
    if rows.empty:
        return (
            "The comparison with the payroll budget is off: no month to come has both a staff cost and a budget of the "
            "accounts that staffing drives."
        )
    cost, budget = (int(rows[name].sum()) for name in ("staff_cost_cents", "budget_cents"))
    unit = money_unit([cost, budget], staffing.minor_digits)
    name = unit_name(staffing.currency, unit)
    span = _months(rows["period"])
    text = f"{span}, {entity_name(staffing.entity)}: the staff required costs {_about(staffing, cost, unit)} {name}, "
    change = cost - budget
    if change:
        size = f"{_about(staffing, abs(change), unit)} {name}"
        part = f" ({number(100 * abs(change) / budget)} %)" if budget > 0 else ""
        text += f"{size}{part} {'above' if change > 0 else 'below'} its payroll budget: {verdict(-change)}."
    else:
        text += "as its payroll budget has it."
    over = rows[rows["difference_cents"] > 0]
    return paragraph([text, _over_sentence(staffing, over, len(rows), unit) if len(rows) > 1 else ""])


def payroll_table(staffing: StaffingForecast) -> pd.DataFrame:
    """Set out staff cost, payroll budget and their difference (above zero the budget is too small) by month."""
    rows = staffing.payroll.sort_values("period", kind="stable")
    names = ["staff_cost_cents", "budget_cents", "difference_cents"]
    sums = [[month_name(str(r["period"])), *(r[name] for name in names)] for _, r in rows.iterrows()]
    if len(sums) > 1:
        sums.append(["Total", *(int(rows[name].sum()) for name in names)])
    unit = money_unit([cents for line in sums for cents in line[1:]], staffing.minor_digits)
    write = _writer(staffing, unit)
    lines = [
        [
            head,
            write(cost),
            write(budget),
            write(change, signed=True),
            share(float(change) / float(budget) if budget > 0 else None, signed=True),
            verdict(-int(change)),
        ]
        for head, cost, budget, change in sums
    ]
    name = unit_name(staffing.currency, unit)
    heads = [f"Staff cost {name}", f"Payroll budget {name}", f"Difference {name}", "Difference %", "Effect"]
    return text_frame(lines, ["Month", *heads])


# ------------------------------------------------------------------ what if


def scenario_table(staffing: StaffingForecast) -> pd.DataFrame:
    """Set out hours, FTE and cost of each scenario over the months to come, and how far it is from the base.

    The months are the first twelve that are staffed, or as many as there are. All services together. Cost leaves out
    the services that have no wage, whose number stands in a column of its own.
    """
    rows = staffing.scenarios
    wage = rows["staff_cost_cents"].notna().groupby([rows["site"], rows["service"]]).transform("all").astype(bool)
    sums = rows.groupby("scenario", sort=False)[["required_hours", "required_fte"]].sum(min_count=1)
    costs = rows[wage].groupby("scenario", sort=False)["staff_cost_cents"].sum()
    without = len(rows.loc[~wage, ["site", "service"]].drop_duplicates())
    unit = money_unit(costs, staffing.minor_digits)
    write = _writer(staffing, unit)
    base = int(costs[BASE]) if BASE in costs.index else None
    lines = []
    for scenario, r in zip(sums.index.astype("str"), sums.to_dict("records"), strict=True):
        cents = int(costs[scenario]) if scenario in costs.index else None
        change = None if cents is None or base is None else cents - base
        part = None if change is None or not base else change / base
        differences = ["", ""] if scenario == BASE else [write(change, signed=True), share(part, signed=True)]
        left_out = [str(without)] if without else []
        hours, staff = number(_value(r["required_hours"])), number(_value(r["required_fte"]), 1)
        lines.append([_opened(scenario), hours, staff, write(cents), *differences, *left_out])
    name = unit_name(staffing.currency, unit)
    heads = ["Hours", "FTE", f"Cost {name}", f"Difference {name}", "Difference %"]
    return text_frame(lines, ["Scenario", *heads, *(["Services without a wage"] if without else [])])


def sensitivity_table(staffing: StaffingForecast) -> pd.DataFrame:
    """Set out by how much each driver, alone, moves the cost of the months to come; the widest swing first."""
    from opsanalytics.staffing.scenarios import change_text, swings

    rows = swings(staffing.sensitivity)
    unit = money_unit(rows["base_cents"], staffing.minor_digits)
    write = _writer(staffing, unit)
    lines = []
    for _, r in rows.iterrows():
        base = int(r["base_cents"])
        line = [_opened(word({}, r["driver"])), write(base)]
        for side in ("low", "high"):
            change = int(r[f"{side}_cents"]) - base
            part = share(change / base if base else None, signed=True)
            line += [change_text(str(r["driver"]), float(r[side])), write(change, signed=True), part]
        lines.append(line)
    name = unit_name(staffing.currency, unit)
    down, up = (["Change " + way, f"Cost {way} {name}", f"Cost {way} %"] for way in ("down", "up"))
    return text_frame(lines, ["Driver", f"Base {name}", *down, *up])


# ------------------------------------------------------------------ shifts


def shift_plan_table(detail: QueueDetail | None) -> pd.DataFrame:
    """Set out the shifts of a queue's busiest week: days, hours, break, people, and paid hours; those that nobody works
    are left out. No rows where nobody queues.
    """
    heads = ["Shift", "Days", "Starts", "Ends", "Break", "People", "Paid hours"]
    if detail is None:
        return text_frame([], heads)
    rows = detail.week.shifts[detail.week.shifts["staff"] > 0]
    lines = [
        [
            *("" if is_missing(r[name]) else str(r[name]) for name in ("shift", "days")),
            *(_clock(r[name]) for name in ("starts", "ends", "break_starts")),
            number(float(r["staff"])),
            number(_value(r["paid_hours"]), 1),
        ]
        for _, r in rows.iterrows()
    ]
    return text_frame(lines, heads)


# ------------------------------------------------------------------ sentences


def _plan_sentence(staffing: StaffingForecast, rows: pd.DataFrame, alternative: str) -> str:
    """Say what the alternative asks for and costs, all services and months together."""
    cents = rows[list(_PARTS)].sum(axis=1, skipna=False).sum(skipna=False)
    parts = [_asked_text(float(rows["further"].sum()), float(rows["recorded"].sum()))]
    for column, what in (("overtime_hours", "hours of overtime"), ("temporary_hours", "hours of temporary staff")):
        if (rows[column] > 0).any():
            parts.append(f"{about(float(rows[column].sum()))} {what}")
    text = f"{_months(rows['period'])}, {entity_name(staffing.entity)}, {alternative}: {listed(parts)}"
    if is_missing(cents):
        return f"{text}."
    unit = money_unit([int(cents)], staffing.minor_digits)
    return f"{text}, at a cost of {_about(staffing, int(cents), unit)} {unit_name(staffing.currency, unit)}."


def _others_sentence(staffing: StaffingForecast, alternative: str) -> str:
    """Say how much the other alternatives cost more or less, and which of them leave months short."""
    from opsanalytics.staffing.planning.comparison import plan_costs

    table = plan_costs(staffing.workforce)
    own = int(table["total_cents"][alternative])
    unit = money_unit(table["total_cents"], staffing.minor_digits)
    name, said = unit_name(staffing.currency, unit), []
    for other, r in table[table.index != alternative].iterrows():
        change = int(r["total_cents"]) - own
        side = f"{_about(staffing, abs(change), unit)} {name} {'more' if change > 0 else 'less'}"
        short = (
            f" and leaves {about(r['fte_months_short'])} FTE months short" if round(r["fte_months_short"], 1) else ""
        )
        said.append(f"{other} costs {side if change else 'the same'}{short}")
    return _opened(f"{'; '.join(said)}.") if said else ""


def _people(rows: pd.DataFrame) -> str:
    """Say which month is shortest of people, in how many, and when hires must be requested."""
    short = rows[rows["gap_fte"].round(1) < 0]
    asked, known = rows[rows["further"] > 0], float(rows["recorded"].sum())
    months = [
        f"{_people_count(h)} in {month_name(str(p))}" for p, h in zip(asked["period"], asked["further"], strict=True)
    ]
    hires = f"hires to request: {listed(months)}" if months else "no hire to request"
    hires += f", besides {_people_count(known)} already on record" if known else ""
    if short.empty:
        return f"enough people in {counted(len(rows), 'month')}; {hires}"
    worst = short.sort_values(["gap_fte", "period"], kind="stable").iloc[0]
    where = f"{about(-float(worst['gap_fte']))} FTE short in {month_name(str(worst['period']))}"
    count = f"{len(short)} of {counted(len(rows), 'month')}" if len(short) < len(rows) else f"all {len(rows)} months"
    return f"{where}{f', short in {count}' if len(rows) > 1 else ''}; {hires}"


def _over_sentence(staffing: StaffingForecast, over: pd.DataFrame, count: int, unit: str) -> str:
    if over.empty:
        return f"No month of the {count} is above its budget."
    worst = over.sort_values(["difference_cents", "period"], ascending=[False, True], kind="stable").iloc[0]
    size = f"{_about(staffing, int(worst['difference_cents']), unit)} {unit_name(staffing.currency, unit)}"
    which = f"{len(over)} of {count} months {'is' if len(over) == 1 else 'are'} above budget"
    return f"{which}, most of all {month_name(str(worst['period']))} by {size}."


# ------------------------------------------------------------------ cells


def _asked_text(further: float, recorded: float) -> str:
    """Write which hires are to be requested, and how many are on record: those must not be requested again."""
    if further == round(further):
        hires = counted(int(further), "hire") if further else "no hire"
    else:
        hires = f"{number(further, 1)} hires"
    return f"{hires} to request{f', besides {_people_count(recorded)} already on record' if recorded else ''}"


def _rows_of(staffing: StaffingForecast, alternative: str) -> pd.DataFrame:
    """Return the months under one alternative, their hires taken apart: `recorded`, and `further` ones."""
    from opsanalytics.staffing.planning.workforce import requests_of

    rows = requests_of(staffing.workforce)
    return rows[rows["alternative"] == alternative]


def _hire_columns(recorded: pd.Series) -> dict[str, str]:
    """Return the heads of hires by their column; those on record only where there are any."""
    known = {"recorded": "Hires on record"} if (recorded > 0).any() else {}
    return {**known, "further": "Hires to request"}


def _digits(people: pd.Series) -> int:
    return 0 if bool((people == people.round()).all()) else 1


def _people_count(count: float) -> str:
    return number(count, 0 if count == round(count) else 1)


def _months(periods: pd.Series) -> str:
    first, last = str(periods.min()), str(periods.max())
    return month_name(first) if first == last else f"{month_name(first)} to {month_name(last)}"


def _clock(value: object) -> str:
    """Write a time of day, whether it came as text or as a time; blank where there is none."""
    if is_missing(value):
        return ""
    return value.strftime("%H:%M") if hasattr(value, "strftime") else str(value)


def _writer(staffing: StaffingForecast, unit: str) -> Callable[..., str]:
    def write(cents: float | None, *, signed: bool = False) -> str:
        return money(cents, staffing.minor_digits, unit, signed=signed)

    return write


def _about(staffing: StaffingForecast, cents: int, unit: str) -> str:
    return about_money(cents, staffing.minor_digits, unit)


def _names(row: pd.Series) -> list[str]:
    return [entity_name(str(row["site"])), str(row["service"])]


def _value(value: object) -> float | None:
    return None if is_missing(value) else float(value)  # type: ignore[arg-type]


def _label(staffing: StaffingForecast, site: str, service: str) -> str:
    return service if site == staffing.entity else f"{service}, {site}"


def _opened(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
