"""The outlook of the full year beside plain methods: how far off each was in years already over, and how long it takes.

Every year is forecast as it would have been at the time: with the budget in force then, and with weights learned from
years before it. The share is WAPE, the sum of absolute errors over the sum of actuals, of full-year cost; by site the
methods are scored on the site's total, and by site and account on each account. The real cities need the public data
beside the checkout; where it is absent, that is said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from opsanalytics import sources
from opsanalytics.accuracy import wape
from opsanalytics.budget.forecasting.methods import COMBINED
from opsanalytics.budget.forecasting.outlook import backtest_outlook, next_months, outlook
from opsanalytics.budget.leaves import AS_CURRENT, Source
from opsanalytics.formats import METHODS
from opsanalytics.periods import Calendar, shift

ROOT = Path(__file__).parents[1]
CITIES = ROOT.parent / "shared" / "real" / "municipal"
SITE, ACCOUNT = ["site"], ["site", "account"]


def plain(cost: pd.DataFrame, calendar: Calendar, year: int, month: int) -> dict[str, pd.Series]:
    """Forecast the year of each row of `cost` (a column each month) by the three plain methods, and give what came."""
    now, before = list(calendar.months_of_year(year)), list(calendar.months_of_year(year - 1))
    to_date, rest = cost[now[:month]].sum(axis=1), cost[before[month:]].sum(axis=1)
    ago = cost[before[:month]].sum(axis=1)
    growth = (to_date / ago.where(ago > 0)).clip(0.5, 2).fillna(1)
    return {
        "run rate": to_date / month * 12,
        "last year's rest": to_date + rest,
        "last year's rest by growth, 0.5 to 2": to_date + rest * growth,
        "actual": cost[now].sum(axis=1),
    }


def plain_scores(
    actual: pd.DataFrame, by: list[str], calendar: Calendar, years: Sequence[int], month: int
) -> pd.Series:
    """Return the WAPE of each plain method over `years`, computed without the package's own methods."""
    cost = actual[actual["type"] == "cost"].groupby([*by, "period"])["amount_cents"].sum().unstack(fill_value=0)
    found = pd.concat([pd.DataFrame(plain(cost, calendar, year, month)) for year in years])
    return pd.Series({name: wape(found["actual"], found[name]) for name in found.columns.drop("actual")})


def scores(rows: pd.DataFrame, by: list[str]) -> pd.Series:
    """Return the WAPE of each method of the package: of the sites' own totals, or of the lines added up to accounts."""
    level = "whole" if by == SITE else "line"
    part = rows[(rows["type"] == "cost") & (rows["level"] == level)]
    sums = part.groupby(["method", "fiscal_year", *by])[["actual_cents", "outlook_cents"]].sum()
    found = {name: wape(x["actual_cents"], x["outlook_cents"]) for name, x in sums.groupby("method")}
    return pd.Series({f"ours: {METHODS.get(name, name)}": found[name] for name in sorted(found, key=_last)})


def _last(method: str) -> tuple[bool, str]:
    return method == COMBINED, method


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def show(folder: Path, period: str, years: Sequence[int], months: Sequence[int]) -> None:
    """Print the table of one company."""
    inputs = sources.read(folder)
    source = Source(inputs.actuals(period), inputs.tables, inputs.settings, period)
    company, calendar = source.leaves(source.seen(), AS_CURRENT), inputs.settings.calendar
    for month in months:
        rows = backtest_outlook(company, source.plan_at, calendar=calendar, month=month, years=years)
        columns = {}
        for by in (SITE, ACCOUNT):
            known = [plain_scores(company, by, calendar, years, month), scores(rows, by)]
            columns[" and ".join(by)] = pd.concat(known)
        print(f"{folder.name}, full-year cost after {month} months, WAPE over {years[0]} to {years[-1]}")
        for name, shares in pd.DataFrame(columns).iterrows():
            print(f"  {name!s:44}" + "".join(f"{share * 100:7.1f} % by {by:18}" for by, share in shares.items()))
    ranges(company, source, years, months[0])
    cutoffs = [shift(month, -1) for month in calendar.months(period, "ytd")]
    took = seconds(lambda: outlook(company, source.plan_at, period=period, calendar=calendar))
    past = seconds(lambda: next_months(company, source.plan_at, cutoffs=cutoffs, calendar=calendar))
    print(f"  outlook at {period} {took:.2f} s; the {len(cutoffs)} months before it as forecast then {past:.2f} s")


def ranges(company: pd.DataFrame, source: Source, years: Sequence[int], month: int) -> None:
    """Print how many of the sites' cost and revenue, in years that had one tested before, lay in the 80 % range."""
    calendar, inside, count = source.settings.calendar, 0, 0
    for year in years:
        year_months = calendar.months_of_year(year)
        found = outlook(company, source.plan_at, period=year_months[month - 1], calendar=calendar)
        for site in sorted(company["site"].unique()):
            totals = found.of(site).totals
            for row in totals[(totals["horizon"] == "fy") & totals["lo_cents"].notna()].itertuples():
                own = company[company["period"].isin(year_months) & (company["site"] == site)]
                came = own.loc[own["type"] == row.measure, "amount_cents"].sum()
                if row.measure != "result":
                    count += 1
                    inside += int(row.lo_cents) <= int(came) <= int(row.hi_cents)
    print(f"  inside the 80 % range: {inside} of {count} (sites by year, revenue and cost)")


def main() -> None:
    """Print the tables of the three cities and of the sample."""
    if CITIES.is_dir():
        show(CITIES, "2026-06", range(2023, 2026), (6, 3, 9))
    else:
        print(f"The cities' ledgers are not beside this checkout ({CITIES} is absent): nothing to measure on them.")
    show(ROOT / "data" / "sample", "2026-10", (2025, 2026), (4,))


if __name__ == "__main__":
    main()
