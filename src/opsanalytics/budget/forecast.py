"""Outlook: where the fiscal year is heading, by two plain methods and their equal mean.

The run rate says that the rest of the year goes as the year to date; last year's rest says that it
goes as the same months did a year ago. The one knows this year's level and no season, the other the
season and no level. Sites are computed each by itself, so that they add up to the whole to the cent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction

import pandas as pd

from opsanalytics.budget.comparison import with_types
from opsanalytics.formats import UNASSIGNED
from opsanalytics.periods import Calendar, prior_year

RUN_RATE, LAST_YEAR, MEAN = "run_rate", "last_year_rest", "mean"
METHODS = (RUN_RATE, LAST_YEAR, MEAN)


def outlook(
    actual: pd.DataFrame,
    accounts: pd.DataFrame,
    *,
    period: str,
    calendar: Calendar,
    missing: pd.DataFrame | None = None,
    ledger: Collection[str] | None = None,
) -> pd.DataFrame:
    """Estimate the rest of the year and the full year at `period`, for revenue, cost and result.

    `actual`: period, account, amount_cents and perhaps site; periods after `period` are not looked at.
    `ledger` is the months that the whole ledger holds (those of `actual` when left out), and `missing` ([site, period])
    names months that a site lacks beside those that nobody holds. The open months are those after `period` and, for
    the full year, the missing ones too. Methods, for each site and type, rounded once, half to even:

    run_rate: year to date / its months with actuals * open months.
    last_year_rest: the sum of the open months a year ago, where the ledger holds every one of them; a site
    that has no line in any of them goes by its run rate, and where no site has one the method has no figure.
    mean: half of each, or the run rate alone where the other has no figure. It is the chosen one.

    Returns [measure, method, horizon {roy, fy}, cents, chosen]: fy is the year to date plus the open months;
    after the last month there is no roy. Empty where the year to date has no actuals. Statistical accounts count in
    none of the measures.
    """
    seen = with_types(actual[actual["period"] <= period], accounts)
    seen = seen.assign(site=seen["site"].fillna(UNASSIGNED) if "site" in seen.columns else UNASSIGNED)
    to_date, rest = calendar.months(period, "ytd"), calendar.months(period, "roy")
    ledger = set(seen["period"].unique()) if ledger is None else ledger
    lacking = set() if missing is None else set(zip(missing["site"], missing["period"], strict=True))
    rows = []
    for site, lines in seen.groupby("site"):
        held = [m for m in to_date if m in ledger and (site, m) not in lacking]
        if not held or not lines["period"].isin(to_date).any():
            continue
        open_months = {"roy": rest, "fy": (*(m for m in to_date if m not in held), *rest)}
        for horizon, months in open_months.items():
            if months or horizon == "fy":
                before = _last_year(lines, months, ledger)
                rows += list(_site_rows(lines, to_date, len(held), months, before, horizon))
    return _measures(pd.DataFrame(rows, columns=["type", "method", "horizon", "cents", "stands"]))


def _last_year(lines: pd.DataFrame, months: Sequence[str], ledger: Collection[str]) -> pd.DataFrame | None:
    """Return a site's lines of `months` a year ago, or None where the ledger lacks a month or the site has none."""
    before = [prior_year(month) for month in months]
    found = lines[lines["period"].isin(before)]
    return found if all(month in ledger for month in before) and (len(found) or not before) else None


def _site_rows(
    lines: pd.DataFrame,
    to_date: Sequence[str],
    months_held: int,
    months: Sequence[str],
    before: pd.DataFrame | None,
    horizon: str,
) -> Iterator[tuple[str, str, str, int, bool]]:
    """Give type, method, horizon, cents, and whether the method itself stands (or only its stand-in)."""
    so_far = _by_type(lines[lines["period"].isin(to_date)])
    year_ago = None if before is None else _by_type(before)
    for kind in ("revenue", "cost"):
        base = so_far.get(kind, 0) if horizon == "fy" else 0
        run_rate = Fraction(so_far.get(kind, 0) * len(months), months_held)
        last = run_rate if year_ago is None else Fraction(year_ago.get(kind, 0))
        for method, estimate in ((RUN_RATE, run_rate), (LAST_YEAR, last), (MEAN, (run_rate + last) / 2)):
            yield kind, method, horizon, base + round(estimate), method != LAST_YEAR or year_ago is not None


def _by_type(lines: pd.DataFrame) -> Mapping[str, int]:
    return {str(kind): int(cents) for kind, cents in lines.groupby("type")["amount_cents"].sum().items()}


def _measures(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the sites up, take cost from revenue, and drop a method that stands at no site."""
    out = []
    for horizon in ("roy", "fy"):
        for method in METHODS:
            part = rows[(rows["horizon"] == horizon) & (rows["method"] == method)]
            if not part["stands"].any():
                continue
            cents = {kind: int(part.loc[part["type"] == kind, "cents"].sum()) for kind in ("revenue", "cost")}
            cents["result"] = cents["revenue"] - cents["cost"]
            out += [(measure, method, horizon, value, method == MEAN) for measure, value in cents.items()]
    frame = pd.DataFrame(out, columns=["measure", "method", "horizon", "cents", "chosen"])
    return frame.astype({"measure": "str", "method": "str", "horizon": "str", "cents": "int64", "chosen": "bool"})
