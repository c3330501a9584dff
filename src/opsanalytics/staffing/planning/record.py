"""Record: the people of a service as the headcount table has them, and what an hour of theirs costs.

A row up to the period is what was, a row after it what is planned: of the latter only the hires count,
for headcount and leavers of the months to come are computed. What is missing is a fault of one service,
told in a sentence with its remedy; the other services go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from opsanalytics.formats import counted, month_name
from opsanalytics.periods import Calendar, month_range, shift
from opsanalytics.staffing.forecast.costs import fte_months
from opsanalytics.staffing.numbers import Array, fraction
from opsanalytics.staffing.planning.headcount import headcount_plan, linear_ramp
from opsanalytics.staffing.standards import StaffingError

_RECORD = 12  # months of attrition that are averaged: one of each season


@dataclass(frozen=True)
class Team:
    """The people of one service at one site, from whom the months to come start.

    `fte` people at the start of the month `first`, of whom `first_attrition` leave in that month, and
    `attrition` in every later one. `joining` are the people by month who join at requests that are on
    record or planned, `requested` those requests of the months after the period. A newcomer counts
    `ramp[k]` in month k, and a request made now joins `lead_months` later.
    """

    fte: float
    first: str
    first_attrition: float
    attrition: float
    joining: Mapping[str, float]
    requested: Mapping[str, float]
    lead_months: int
    ramp: tuple[float, ...]

    def people(self, months: list[str], hires: Array | None = None) -> pd.DataFrame:
        """How many people are there in `months`, when `hires` are requested in them besides those on record?

        Returns headcount and effective_fte as `headcount_plan` gives them, leavers and joiners, by month.
        """
        asked = (
            dict(zip((shift(month, self.lead_months) for month in months), hires, strict=True))
            if (hires is not None)
            else {}
        )
        line = month_range(self.first, months[-1])
        joiners = np.array([self.joining.get(month, 0.0) + float(asked.get(month, 0.0)) for month in line])
        leaving = np.array([self.first_attrition, *[self.attrition] * (len(line) - 1)])
        plan = headcount_plan(self.fte, leaving, joiners.tolist(), ramp=self.ramp).set_axis(line)
        before = plan["headcount"].shift(1, fill_value=self.fte)
        effective = (plan["effective_fte"] - self._still_learning(line)).clip(lower=0.0)
        return plan.assign(effective_fte=effective, leavers=before * leaving, joiners=joiners).loc[months]

    def _still_learning(self, line: list[str]) -> Array:
        """Return by month what those lack who joined before `first` and are in its headcount as whole people."""
        early = month_range(shift(self.first, -len(self.ramp)), shift(self.first, -1))
        joiners = [self.joining.get(month, 0.0) for month in early]
        leaving = [self.attrition] * len(early) + [self.first_attrition, *[self.attrition] * (len(line) - 1)]
        plan = headcount_plan(0.0, leaving, joiners, ramp=self.ramp, months=len(leaving))
        return (plan["headcount"] - plan["effective_fte"]).to_numpy()[len(early) :]


def team_of(headcount: pd.DataFrame, site: str, service: str, period: str) -> tuple[Team, list[str]]:
    """Read the people of a service from the headcount table, and notes on what was assumed.

    Attrition is the plain mean of the last 12 months on record up to `period`. Each request joins after
    the lead time of its own row; lead time and ramp of new requests are those of the latest row up to `period`.
    Raises StaffingError where there is no such row, or a row lacks what the plan needs.
    """
    who = f"{service} at {site}"
    rows = headcount[(headcount["site"] == site) & (headcount["service"] == service)].sort_values("period")
    twice = rows.loc[rows["period"].duplicated(), "period"]
    if len(twice):
        raise StaffingError(f"{who} has two rows for {twice.iloc[0]} in headcount: keep one.")
    past = rows[rows["period"] <= period]
    if past.empty:
        raise StaffingError(
            f"{who} has no headcount up to {month_name(period)}, so there is no plan of its people: "
            "add a row for the month to headcount."
        )
    latest, record = past.iloc[-1], past.iloc[-_RECORD:]
    requests = [
        (str(row["period"]), _at_least_zero(row, "hires", who), _whole(row, "lead_months", who))
        for row in rows.to_dict("records")
    ]
    joining: dict[str, float] = {}
    for month, people, lead in requests:
        joining[shift(month, lead)] = joining.get(shift(month, lead), 0.0) + people
    shares = [_share(row, who) for row in record.to_dict("records")]
    first, notes = str(latest["period"]), list[str]()
    if first < period:
        notes.append(
            f"The headcount of {who} ends in {month_name(first)}: the plan goes on from there with its attrition. "
            f"Add the months up to {month_name(period)} to headcount."
        )
    if len(record) < _RECORD:
        notes.append(
            f"The attrition of {who} is the mean of {counted(len(record), 'month')}: "
            f"headcount has no more of the last {_RECORD}."
        )
    team = Team(
        fte=_at_least_zero(latest.to_dict(), "fte", who),
        first=first,
        first_attrition=shares[-1],
        attrition=float(np.mean(shares)),
        joining=joining,
        requested={month: people for month, people, _ in requests if month > period},
        lead_months=_whole(latest.to_dict(), "lead_months", who),
        ramp=linear_ramp(_whole(latest.to_dict(), "ramp_months", who)),
    )
    return team, notes


def rates_of(
    standards: pd.DataFrame, site: str, service: str, months: list[str], calendar: Calendar
) -> tuple[list[Fraction], list[Fraction]]:
    """Return the paid hours of a full-time person and the cost of a paid hour by month, exact in the decimal text.

    Each month goes by the standard in force on its first day; a month of a calendar of weeks has the paid hours of its
    weeks (`fte_months`). Raises StaffingError where a standard is missing, or two begin on one day.
    """
    who = f"{service} at {site}"
    rows = standards[(standards["site"] == site) & (standards["service"] == service)]
    begin = pd.to_datetime(rows["valid_from"]) if "valid_from" in rows else pd.Series(pd.NaT, index=rows.index)
    rows = rows.assign(begin=begin.fillna(pd.Timestamp("1678-01-01"))).sort_values("begin", kind="stable")
    twice = rows.loc[rows["begin"].duplicated(), "begin"]
    if len(twice):
        since = f"from {twice.iloc[0]:%Y-%m-%d}" if twice.iloc[0].year > 1678 else "without valid_from"
        raise StaffingError(f"{who} has two rows {since} in standards, so its wage is not known: keep one.")
    records = [(standard["begin"], standard) for standard in rows.to_dict("records")]
    hours, wages = list[Fraction](), list[Fraction]()
    for month in months:
        known = [standard for start, standard in records if start <= pd.Timestamp(calendar.first_day(month))]
        if not known:
            raise StaffingError(
                f"{who} has no standard in {month_name(month)}: add a row to standards, or an earlier valid_from."
            )
        each, wage = _number(known[-1], "hours_per_fte"), _number(known[-1], "wage_rate")
        if not 0 < each < np.inf:
            raise StaffingError(
                f"{who} has no hours_per_fte above zero in {month_name(month)}, so there is no plan of its people: "
                "give the paid hours of a full-time person in a month, for example 160, in standards."
            )
        if not 0 <= wage < np.inf:
            raise StaffingError(
                f"{who} has no wage_rate of zero or more in {month_name(month)}, so there is no plan of its people: "
                "give the cost of a paid hour in standards."
            )
        hours.append(fraction(known[-1]["hours_per_fte"]) * fte_months(month, calendar))
        wages.append(fraction(known[-1]["wage_rate"]))
    return hours, wages


def _share(row: Mapping[Any, Any], who: str) -> float:
    value = _number(row, "attrition_rate")
    if not 0 <= value <= 1:
        raise StaffingError(_fault(row, "attrition_rate", who, "give the share leaving in a month, for example 0.02"))
    return value


def _at_least_zero(row: Mapping[Any, Any], name: str, who: str) -> float:
    value = _number(row, name)
    if not 0 <= value < np.inf:
        raise StaffingError(_fault(row, name, who, "give people, 0 for none"))
    return value


def _whole(row: Mapping[Any, Any], name: str, who: str) -> int:
    value = _number(row, name)
    if not (value >= 0 and value.is_integer()):
        raise StaffingError(_fault(row, name, who, "give whole months, 0 for at once"))
    return int(value)


def _fault(row: Mapping[Any, Any], name: str, who: str, remedy: str) -> str:
    value = _number(row, name)
    what = f"no {name}" if np.isnan(value) else f"the {name} {value:g}"
    return f"{who} has {what} in {month_name(str(row['period']))}: {remedy}, in headcount."


def _number(row: Mapping[Any, Any], name: str) -> float:
    value = row.get(name)
    return float("nan") if value is None or pd.isna(value) else float(str(value))
