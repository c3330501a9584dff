"""The chain: how many people does the forecast demand need, and what do they cost?

The volume of each interval, day or month becomes work, the work becomes people at work, these
become people scheduled and hours paid, and hours become cost. Demand is taken at its median and
at the 80th and 95th percentile of its forecast, interval by interval.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from opsanalytics.formats import ALL
from opsanalytics.settings import Settings
from opsanalytics.staffing.forecast.result import PLAN, StaffingForecast, gaps_of, monthly_of, total, typed
from opsanalytics.staffing.forecast.services import Service, plan_of, service_of
from opsanalytics.staffing.standards import StaffingError, Tables


def staffing_forecast(
    forecasts: pd.DataFrame,
    tables: Tables,
    settings: Settings,
    *,
    period: str,
    entity: str = ALL,
) -> StaffingForecast:
    """How many people does the forecast made at the end of `period` need at `entity`?

    `forecasts` is the forecasts frame (site, service, freq, cutoff, ds, yhat, hi60, hi90,
    reconstructed); the latest cutoff of each service counts. Without hi60 and hi90 the median alone is staffed.
    `tables` holds standards, and where given shrinkage, opening_hours, roster and sites. A service that cannot be
    staffed is named in `notes` with the remedy. `(all)` is the sum of its sites.
    """
    sites = sites_of(forecasts, entity)
    parts = [_site(forecasts, tables, settings, period, site) for site in sites]
    return total(parts) if sites != [entity] else parts[0]


def sites_of(forecasts: pd.DataFrame, entity: str) -> list[str]:
    """Return the sites that an entity is the sum of: of `(all)` those with a forecast, else itself."""
    sites = sorted(_latest(forecasts)["site"].unique()) if entity == ALL else []
    return sites or [entity]


def services_of(
    forecasts: pd.DataFrame, tables: Tables, settings: Settings, site: str
) -> tuple[list[Service], list[str]]:
    """Return the work of every service of a site, and notes on those that cannot be staffed."""
    current, zone = _latest(forecasts), _time_zone(tables, settings, site)
    current = current[current["site"] == site]
    found, notes = list[Service](), list[str]()
    if current.empty:
        notes.append(f"{site} has no demand forecast, so no staff is computed: run seasonal demand for it first.")
    for service, rows in current.groupby("service", sort=True):
        try:
            found.append(service_of(rows, tables, settings, site, str(service), zone))
        except StaffingError as error:
            notes.append(str(error))
            continue
        notes.extend(found[-1].notes)
    return found, notes


def _latest(forecasts: pd.DataFrame) -> pd.DataFrame:
    made = forecasts[~forecasts["reconstructed"].astype(bool) & (forecasts["site"] != ALL)]
    newest = made.groupby(["site", "service"], dropna=False)["cutoff"].transform("max")
    return made[made["cutoff"] == newest]


def _site(forecasts: pd.DataFrame, tables: Tables, settings: Settings, period: str, site: str) -> StaffingForecast:
    services, notes = services_of(forecasts, tables, settings, site)
    plans = [plan_of(service, settings) for service in services]
    detail = pd.concat(plans, ignore_index=True) if plans else pd.DataFrame(columns=[*PLAN, "period", "fte", "whole"])
    detail, remarks = _with_roster(detail, tables, site)
    plan = typed(detail[PLAN].sort_values(["service", "ds", "freq", "quantile"], kind="stable", ignore_index=True))
    return StaffingForecast(
        period=period,
        entity=site,
        currency=settings.currency,
        minor_digits=settings.minor_digits,
        plan=plan,
        monthly=monthly_of(detail),
        gaps=gaps_of(plan),
        notes=tuple(dict.fromkeys([*notes, *remarks])),
    )


def _time_zone(tables: Tables, settings: Settings, site: str) -> str:
    table = tables.get("sites")
    if table is not None and "time_zone" in table:
        own = table.loc[table["site"] == site, "time_zone"].dropna()
        if len(own):
            return str(own.iloc[0])
    return settings.time_zone


def _with_roster(detail: pd.DataFrame, tables: Tables, site: str) -> tuple[pd.DataFrame, list[str]]:
    """Put the rostered staff beside the rows that start when a roster row starts."""
    roster = tables.get("roster")
    detail = detail.drop(columns="rostered", errors="ignore")
    if roster is None:
        return detail.assign(rostered=np.nan), []
    notes = _strangers(roster, tables)
    own = roster.loc[roster["site"] == site, ["service", "start", "staff"]]
    own = own.set_axis(["service", "ds", "rostered"], axis=1)
    if detail.empty or own.empty:
        return detail.assign(rostered=np.nan), notes
    joined = detail.merge(
        own.astype({"ds": detail["ds"].dtype}), on=["service", "ds"], how="left", validate="many_to_one"
    )
    for service, rows in own.groupby("service", sort=True):
        if not joined.loc[joined["service"] == service, "rostered"].notna().any():
            notes.append(
                f"The roster of {service} at {site} ({rows['ds'].min():%Y-%m-%d} to "
                f"{rows['ds'].max():%Y-%m-%d}) meets no forecast interval: "
                "there is no gap to show. Give rosters of the months to come, by the interval of the demand."
            )
    return joined, notes


def _strangers(roster: pd.DataFrame, tables: Tables) -> list[str]:
    known = tables.get("sites")
    if known is None:
        return []
    unknown = sorted(set(roster["site"].dropna()) - set(known["site"]))
    return [
        f"The roster names the site {site}, which is not in sites: mend the name or add the site." for site in unknown
    ]
