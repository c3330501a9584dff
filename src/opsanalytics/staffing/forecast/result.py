"""Result: the staff that a demand forecast needs, by interval, day and month, and its sum over sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from opsanalytics.formats import ALL, listed, month_name
from opsanalytics.periods import month_range
from opsanalytics.staffing.people.hours import gap

QUANTILES = {0.5: "yhat", 0.8: "hi60", 0.95: "hi90"}
PLAN = [
    "site", "service", "ds", "freq", "scenario", "quantile",
    "volume", "required", "scheduled", "rostered", "hours", "cost_cents",
]  # fmt: skip
MONTHLY = ["site", "service", "period", "required_hours", "required_fte", "staff_cost_cents"]
GAPS = ["site", "service", "ds", "required", "scheduled", "rostered", "gap"]
RISK = [
    *("site", "service", "quantile", "hours", "cost_cents"),
    *("attained", "attained_low", "intervals_missed", "months_missed"),
]
WORKFORCE = [
    *("site", "service", "alternative", "period", "required_fte", "headcount", "effective_fte"),
    *("leavers", "joiners", "hires", "gap_fte", "overtime_hours", "temporary_hours"),
    *("staff_cents", "overtime_cents", "temporary_cents", "hiring_cents"),
]
PAYROLL = ["period", "staff_cost_cents", "budget_cents", "difference_cents"]
SCENARIOS = ["site", "service", "scenario", "required_hours", "required_fte", "staff_cost_cents"]
SENSITIVITY = ["driver", "low", "high", "low_cents", "base_cents", "high_cents"]

_TEXT = ("site", "service", "freq", "scenario", "period", "alternative", "driver")


@dataclass(frozen=True)
class StaffingForecast:
    """The staff that the demand forecast needs.

    `plan` has one row per site, service, ds and quantile at the frequency at which staff is
    computed: volume in the service's unit, `required` people at work, `scheduled` people (with
    those absent), `rostered` people (NaN without a roster), paid `hours`, `cost_cents` (missing
    without a wage). `monthly` sums the median by month: paid hours, FTE, cost. `gaps` holds the
    median's rows that the roster covers, gap = rostered - scheduled. What follows may be empty: `risk` of missing
    the promise at each quantile, `workforce` of the months to come by alternative, `payroll` against its budget,
    `scenarios` and the `sensitivity` of cost. `notes` are sentences on what was left out or assumed.
    `minor_digits` is the number of decimals of the `currency`.
    """

    period: str
    entity: str
    currency: str
    minor_digits: int
    plan: pd.DataFrame
    monthly: pd.DataFrame
    gaps: pd.DataFrame
    notes: tuple[str, ...]
    risk: pd.DataFrame = field(default_factory=lambda: nothing(RISK))
    workforce: pd.DataFrame = field(default_factory=lambda: nothing(WORKFORCE))
    payroll: pd.DataFrame = field(default_factory=lambda: nothing(PAYROLL))
    scenarios: pd.DataFrame = field(default_factory=lambda: nothing(SCENARIOS))
    sensitivity: pd.DataFrame = field(default_factory=lambda: nothing(SENSITIVITY))


def total(parts: Sequence[StaffingForecast]) -> StaffingForecast:
    """Add up the sites by service and time, for `(all)`; no queue is computed.

    A sum with a missing part is missing (a site without a roster, a wage or FTE hours), and a service has the months
    that every site with staff for it has; the others are named. Raises ValueError where there is no part.
    """
    if not parts:
        raise ValueError("There is nothing to add up: give the staffing forecast of at least one site.")
    plan = summed([part.plan for part in parts], ["service", "ds", "freq", "scenario", "quantile"], PLAN)
    months, said = in_common(pd.concat([part.monthly for part in parts], ignore_index=True), staffed(parts))
    monthly = summed([months], ["service", "period"], MONTHLY)
    notes = tuple(dict.fromkeys([*(note for part in parts for note in part.notes), *said]))
    return replace(parts[0], entity=ALL, plan=plan, monthly=monthly, gaps=gaps_of(plan), notes=notes)


def summed(
    frames: Sequence[pd.DataFrame], keys: list[str], columns: list[str], *, as_met: bool = False
) -> pd.DataFrame:
    """Add frames up by `keys`, sorted or in the order in which these are met; a sum with a missing part is missing."""
    filled = [frame for frame in frames if not frame.empty]
    if not filled:
        return nothing(columns)
    rows = pd.concat(filled, ignore_index=True).drop(columns="site", errors="ignore")
    groups = rows.groupby(keys, dropna=False, sort=not as_met)
    sums, counts, sizes = groups.sum(), groups.count(), groups.size()
    whole = sums.where(counts.eq(sizes, axis=0))
    return typed(whole.reset_index().assign(site=ALL)[columns])


def staffed(parts: Sequence[StaffingForecast]) -> pd.DataFrame:
    """Which services does each site have staff for? site, service."""
    return pd.concat([part.plan[["site", "service"]] for part in parts], ignore_index=True).drop_duplicates()


def in_common(rows: pd.DataFrame, places: pd.DataFrame, what: str = "") -> tuple[pd.DataFrame, list[str]]:
    """Keep the months (site, service, period) that every site of `places` (site, service) has, service by service.

    The notes name the months left out of the sum `what` over sites, and the sites that lack them.
    """
    met = rows[["service", "period"]].drop_duplicates()
    wanted = met.merge(places, on="service").merge(
        rows[["site", "service", "period"]].drop_duplicates(), how="left", indicator=True
    )
    absent = wanted[wanted["_merge"] == "left_only"]
    notes = [
        f"{what}{service} for all sites leaves out {months_text(sorted(months['period']))}, which {site} does not have."
        for (service, site), months in absent.groupby(["service", "site"], sort=True)
    ]
    keys = ["service", "period"]
    return rows[~pd.MultiIndex.from_frame(rows[keys]).isin(pd.MultiIndex.from_frame(absent[keys]))], notes


def months_text(periods: Sequence[str]) -> str:
    """Write "Oct 2026", "Oct 2026 and Jan 2027", or "Oct 2026 to Dec 2026" where more than two are in a row."""
    names = [month_name(period) for period in periods]
    if len(periods) > 2 and list(periods) == month_range(periods[0], periods[-1]):
        return f"{names[0]} to {names[-1]}"
    return listed(names)


def monthly_of(detail: pd.DataFrame) -> pd.DataFrame:
    """Sum the median by service and month; a month with a missing part is missing."""
    median = detail[(detail["quantile"] == 0.5) & detail["whole"].astype(bool)]
    if median.empty:
        return typed(pd.DataFrame(columns=MONTHLY))
    groups = median.groupby(["site", "service", "period"], dropna=False, sort=True)
    sums = groups[["hours", "fte", "cost_cents"]].sum()
    whole = sums.where(groups[["hours", "fte", "cost_cents"]].count().eq(groups.size(), axis=0)).reset_index()
    return typed(whole.set_axis(MONTHLY, axis=1))


def gaps_of(plan: pd.DataFrame) -> pd.DataFrame:
    median = plan[(plan["quantile"] == 0.5) & plan["rostered"].notna()]
    return median.assign(gap=gap(median["scheduled"], median["rostered"]))[GAPS].reset_index(drop=True)


def nothing(columns: Sequence[str]) -> pd.DataFrame:
    """Return a frame without rows, its columns typed."""
    return typed(pd.DataFrame(columns=list(columns)))


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the columns their types: text, times, float64, and nullable whole cents."""
    kinds = {"ds": "datetime64[us]", **dict.fromkeys(_TEXT, "str")}
    return frame.astype(
        {name: kinds.get(name, "Int64" if name.endswith("_cents") else "float64") for name in frame.columns}
    ).reset_index(drop=True)
