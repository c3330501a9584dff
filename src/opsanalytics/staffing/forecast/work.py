"""Work: rows of a service that one standard staffs in one way, and the people that they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.staffing.forecast.costs import FTE_MONTHS, family
from opsanalytics.staffing.numbers import Array, exact_ceiling
from opsanalytics.staffing.people.hours import scheduled_staff
from opsanalytics.staffing.queues.requirement import required_agents
from opsanalytics.staffing.standards import Standard
from opsanalytics.staffing.workload import rolling_capacity, workload_hours

Way = Literal["queue", "intervals", "periods", "backlog"]


@dataclass(frozen=True)
class Staff:
    """People required at work, people scheduled (with those absent), and seconds at work, row by row."""

    required: npt.NDArray[Any]
    scheduled: npt.NDArray[Any]
    worked_s: Array


@dataclass(frozen=True)
class Work:
    """Rows (ds, freq, quantile, volume, period; ordered by quantile and ds) that `standard` staffs.

    `way`: a queue by interval, units in the interval in which they arrive, full-time people by period, or a backlog by
    day. `seconds` is the length of each row's interval (none for days and longer), `opened` whether the doors are open
    then.
    """

    rows: pd.DataFrame
    standard: Standard
    way: Way
    seconds: Array
    opened: npt.NDArray[np.bool_]

    def staff(self, standard: Standard, volume: float = 1.0) -> Staff:
        """Return the people of every row by this standard, with so many times the volume."""
        units = self.rows["volume"].to_numpy(dtype=np.float64) * volume
        if self.way == "queue":
            return self._agents(np.where(self.opened, units, 0.0), standard)
        if self.way == "intervals":
            return _people(units, self.seconds / 3600, standard)
        if self.way == "backlog":
            units = self._placed(units, standard)
        return _people(units, self._span(standard), standard)

    def _agents(self, volume: Array, standard: Standard) -> Staff:
        """Agents by Erlang C or A; nobody where the service is closed."""
        slots = required_agents(
            volume,
            standard.aht_s,
            self.seconds,
            service_level=standard.service_level,
            target_s=standard.target_s,
            max_occupancy=standard.max_occupancy,
            patience_s=standard.patience_s if standard.method == "erlang_a" else None,
        )
        at_once = 1.0 if np.isnan(standard.concurrency) else standard.concurrency
        agents = slots if at_once == 1 else exact_ceiling([slots], [at_once]).astype(np.int64)
        return Staff(agents, scheduled_staff(agents, float(standard.shrinkage)), agents * self.seconds)

    def _span(self, standard: Standard) -> float:
        """Paid hours of one full-time person in a day, week, month or quarter; NaN when they are not known."""
        months = FTE_MONTHS.get(family(str(self.rows["freq"].iloc[0])))
        return float("nan") if months is None else standard.hours_per_fte * float(months)

    def _placed(self, units: Array, standard: Standard) -> Array:
        """Work is done at the constant capacity of each month that does all of it within sla_days, on open days.

        Days without a forecast in between bring no work.
        """
        done = np.zeros(len(units))
        for rows in self.rows.groupby("quantile", sort=False).indices.values():
            known = self.rows.iloc[rows]
            days = pd.date_range(known["ds"].iloc[0], known["ds"].iloc[-1], freq="D")
            place = days.get_indexer(pd.DatetimeIndex(known["ds"]))
            volume, opened = np.zeros(len(days)), np.zeros(len(days), dtype=bool)
            volume[place], opened[place] = units[rows], self.opened[rows]
            period = pd.Series(index=days, dtype="str")
            period.iloc[place] = known["period"].to_numpy()
            capacity = rolling_capacity(volume, int(standard.sla_days), opened, period.ffill().to_numpy())
            done[rows] = np.where(opened, capacity, 0.0)[place]
        return done


def _people(units: Array, span: Any, standard: Standard) -> Staff:
    """Whole people for `units` in `span` hours each, rounded once; hours from the unrounded work."""
    present = float(1 - standard.shrinkage)
    return Staff(
        exact_ceiling([units], [standard.units_per_hour, span]),
        exact_ceiling([units], [standard.units_per_hour, span, present]),
        workload_hours(units, standard.units_per_hour) * 3600,
    )
