"""Workforce: the people of the months to come, and the least that it costs to cover the requirement.

Three alternatives stand beside each other: no action (those there and those already requested, whatever is
short), overtime and temporary staff without further hires, and the least cost of hires with both.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd

from opsanalytics.formats import ALL, counted, month_name, share
from opsanalytics.periods import Calendar, month_range, parse_month, shift
from opsanalytics.settings import StaffingRules
from opsanalytics.staffing.forecast.costs import fte_months
from opsanalytics.staffing.forecast.result import WORKFORCE
from opsanalytics.staffing.numbers import Array, fraction
from opsanalytics.staffing.planning.programme import Hiring, Terms, cover_of, least_cost_hires
from opsanalytics.staffing.planning.record import Team, rates_of, team_of
from opsanalytics.staffing.standards import StaffingError

NO_ACTION, COVER_ONLY, LEAST_COST = "no action", "overtime and temporary staff", "least cost"
ALTERNATIVES = (NO_ACTION, COVER_ONLY, LEAST_COST)
COSTS = ["staff_cents", "overtime_cents", "temporary_cents", "hiring_cents"]
_YEAR = 12
LOOK_AHEAD = _YEAR  # months after the plan: one of each season
_RULES = StaffingRules()  # whose defaults are those here
_TOLERANCE = 1e-3
_LEAST = 1e-9  # hours below which nothing grows


def workforce_plan(
    monthly: pd.DataFrame,
    headcount: pd.DataFrame,
    standards: pd.DataFrame,
    *,
    period: str,
    calendar: Calendar | None = None,
    overtime_premium: float = _RULES.overtime_premium,
    overtime_limit: float = _RULES.overtime_limit,
    temporary_premium: float = _RULES.temporary_premium,
    hiring_cost: float = 0.0,
    minor_digits: int = 2,
    months: int = 12,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Who is there in the months after `period`, and which hires, overtime and temporary staff cost least?

    `monthly` has the months of the sites (site, service, period, required_hours paid, required_fte), `headcount`
    and `standards` (site, service, hours_per_fte, wage_rate, valid_from) are the input tables. A service's first
    `months` after `period` are planned. Premiums are shares of the wage on top of it, `overtime_limit` is a share
    of a month's regular paid hours, `hiring_cost` is money per hire. Returns the frame WORKFORCE, three
    alternatives a service, headcount at the end of the month, money in minor units; and notes: a service without
    headcount, wage or FTE hours is named there with the remedy, the others go on.

    `hires` are the requests of the month: those that the headcount table has for months after `period` stand in every
    alternative, least cost adds its own (`requests_of` tells them apart). `hiring_cents` prices each request once, in
    the month of the request, those on record alike in every alternative, so that alternatives differ by their own; a
    request made up to `period` is paid and not in it.

    `headcount_plan` counts the people. What they lack is covered hour for hour by overtime and temporary staff,
    the cheaper first. Least cost is that of the plan's months and the 12 after them together (a month that is not
    forecast is as the one a year before), so that nobody is hired for a peak at its end; within the plan it never
    costs more than no hires do. Requests that join only after the plan are not made. Nobody is dismissed.
    Raises ValueError for terms outside their range, or a sum over sites.
    """
    parse_month(period)
    terms = Terms(overtime_premium, overtime_limit, temporary_premium, hiring_cost)
    calendar = calendar or Calendar()
    if months < 1:
        raise ValueError(f"months {months} leaves nothing to plan: give 1 or more.")
    if (monthly["site"] == ALL).any():
        raise ValueError("The plan is made by site: give the months of the sites, and add up their plans.")
    frames, notes = list[pd.DataFrame](), list[str]()
    for key, rows in monthly[monthly["period"] > period].groupby(["site", "service"], sort=True):
        site, service = map(str, key)
        try:
            need, remarks = _need(rows, f"{service} at {site}", months)
            team, more = team_of(headcount, site, service, period)
            line = month_range(need.index[0], shift(need.index[0], min(len(need), months) + LOOK_AHEAD - 1))
            rates = rates_of(standards, site, service, line, calendar)
        except StaffingError as error:
            notes.append(str(error))
            continue
        lengths = np.array([float(fte_months(month, calendar)) for month in line])
        required = _ahead(need["required_hours"].to_numpy() / lengths[: len(need)], len(line)) * lengths
        plan, hiring = _alternatives(need, required, team, line, *rates, terms, minor_digits)
        frames.append(plan.assign(site=site, service=service))
        notes += [*remarks, *more, *_said(hiring, f"{service} at {site}", line[-LOOK_AHEAD - 1])]
    return workforce_typed(frames), tuple(dict.fromkeys(notes))


def _said(hiring: Hiring, who: str, last: str) -> list[str]:
    """Say what a reader of the hires should know: who would pay only later, and what is not proved."""
    notes = []
    if hiring.deferred:
        notes.append(
            f"{who}: {counted(hiring.deferred, 'more hire')} would pay, but only after {month_name(last)}: "
            "left out here, to be judged again as that month comes nearer."
        )
    if hiring.mip_gap > _TOLERANCE:
        notes.append(
            f"{who}: the search for the cheapest hires was cut short; what is paid besides those already there "
            f"may be up to {share(hiring.mip_gap)} too much."
        )
    return notes


def _need(rows: pd.DataFrame, who: str, months: int) -> tuple[pd.DataFrame, list[str]]:
    """Return required_hours and required_fte by month, up to the first month that is missing, and notes."""
    need = rows.set_index("period")[["required_hours", "required_fte"]].sort_index()
    if need.index.has_duplicates:
        raise StaffingError(f"{who} has {need.index[need.index.duplicated()][0]} twice in its months: keep one row.")
    line = month_range(str(need.index[0]), str(need.index[-1]))
    whole = need.reindex(line)["required_hours"].notna().to_numpy()
    count = len(line) if whole.all() else int(whole.argmin())
    if count == 0:
        raise StaffingError(
            f"{who} has no required hours in {month_name(line[0])}, so there is no plan of its people: "
            "give its standard and demand what they lack."
        )
    need = need.loc[line[:count]].astype("float64")
    if (need["required_hours"] < 0).any():
        raise StaffingError(f"{who} has required hours below zero: give paid hours, 0 for none.")
    notes = []
    if count < months:
        notes.append(
            f"{who} is planned for {counted(count, 'month')}, up to {month_name(line[count - 1])}: "
            f"required hours reach no further. A longer horizon of the demand forecast gives {months}."
        )
    return need, notes


def _ahead(known: Array, count: int) -> Array:
    """Continue the hours known, each brought to one length of month, to `count` months.

    Each is that of the same month a year before, times the change between the months known twice, a year apart
    (from half to double); with less than a year known it is their mean.
    """
    if known.size < _YEAR:
        return np.concatenate([known, np.full(count - known.size, known.mean())])
    again, before = known[_YEAR:].sum(), known[: known.size - _YEAR].sum()
    growth = min(max(again, before / 2), before * 2) / before if before > _LEAST else 1.0
    hours = list(known[:count])
    while len(hours) < count:
        hours.append(hours[-_YEAR] * growth)
    return np.array(hours)


def _alternatives(
    need: pd.DataFrame,
    required_hours: Array,
    team: Team,
    line: list[str],
    hours: list[Fraction],
    wages: list[Fraction],
    terms: Terms,
    minor_digits: int,
) -> tuple[pd.DataFrame, Hiring]:
    """Return the months of the plan under each alternative, and the hiring at least cost.

    `required_hours`, `hours` and `wages` go on to the end of the `line`, `need` has the months that are forecast.
    """
    months = len(line) - LOOK_AHEAD
    planned = line[:months]
    each = np.array([float(hour) for hour in hours])
    required = required_hours / each
    base = team.people(line)
    hiring = least_cost_hires(
        required,
        base["effective_fte"].to_numpy(),
        base["headcount"].to_numpy(),
        each * np.array([float(wage) for wage in wages]),
        terms,
        attrition=team.attrition,
        ramp=team.ramp,
        lead_months=team.lead_months,
        months=months,
    )
    hires = np.where(np.arange(months) + team.lead_months < months, hiring.hires[:months], 0.0)
    requested = np.array([team.requested.get(month, 0.0) for month in planned])
    plans = []
    for name in ALTERNATIVES:
        new = hires if name == LEAST_COST else np.zeros(months)
        people = team.people(planned, new) if new.any() else base.iloc[:months]
        there, able = people["headcount"].to_numpy(), people["effective_fte"].to_numpy()
        covered = cover_of(required[:months], able, there, terms)
        overtime, temporary = covered if name != NO_ACTION else (np.zeros(months), np.zeros(months))
        plan = people.assign(
            alternative=name,
            period=planned,
            required_fte=need["required_fte"].to_numpy()[:months],
            hires=requested + new,
            overtime_hours=overtime * each[:months],
            temporary_hours=temporary * each[:months],
        )
        plans.append(_priced(plan, hours, wages, terms, minor_digits))
    return pd.concat(plans, ignore_index=True), hiring


def _priced(
    plan: pd.DataFrame, hours: list[Fraction], wages: list[Fraction], terms: Terms, minor_digits: int
) -> pd.DataFrame:
    """Add the gap and what each month costs, each amount rounded once, half to even."""
    unit = 10**minor_digits
    prices = {
        "staff_cents": ("headcount", [wage * hour for wage, hour in zip(wages, hours, strict=True)]),
        "overtime_cents": ("overtime_hours", [wage * (1 + fraction(terms.overtime_premium)) for wage in wages]),
        "temporary_cents": ("temporary_hours", [wage * (1 + fraction(terms.temporary_premium)) for wage in wages]),
        "hiring_cents": ("hires", [fraction(terms.hiring_cost)] * len(wages)),
    }
    costs = {
        name: [round(Fraction(amount) * price * unit) for amount, price in zip(plan[of], each, strict=False)]
        for name, (of, each) in prices.items()
    }
    return plan.assign(gap_fte=plan["effective_fte"] - plan["required_fte"], **costs)


def requests_of(workforce: pd.DataFrame) -> pd.DataFrame:
    """Which of the hires are on record, and which does each alternative ask for besides?

    Returns the frame with the columns `recorded` and `further`, which add up to `hires`: without action only those
    stand that the headcount table has, so they are the recorded ones of every alternative in that month.
    Raises ValueError where a month lacks its rows without action.
    """
    keys = ["site", "service", "period"]
    alone = workforce.loc[workforce["alternative"] == NO_ACTION, [*keys, "hires"]]
    known = workforce[keys].merge(alone, on=keys, how="left", validate="many_to_one")["hires"].to_numpy()
    if np.isnan(known).any():
        raise ValueError(f"The hires on record are not known without the alternative '{NO_ACTION}': keep its rows.")
    return workforce.assign(recorded=known, further=(workforce["hires"] - known).round(9).clip(lower=0.0))


def workforce_typed(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the frames as one WORKFORCE: text, float64, whole cents; services, alternatives and months in order."""
    text = ("site", "service", "alternative", "period")
    frame = pd.concat(frames, ignore_index=True)[WORKFORCE] if frames else pd.DataFrame(columns=WORKFORCE)
    return frame.astype(
        {name: "str" if name in text else "Int64" if name in COSTS else "float64" for name in WORKFORCE}
    )
