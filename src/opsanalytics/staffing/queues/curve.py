"""Level curve: what one agent more, or one less, does to an interval."""

from __future__ import annotations

import numpy as np
import pandas as pd

from opsanalytics.staffing.numbers import Array, arrays, refuse
from opsanalytics.staffing.queues import formulas
from opsanalytics.staffing.queues.requirement import required_agents

COLUMNS = ("agents", "service_level", "occupancy", "asa_s")
_FEW, _ALL = 0.05, 0.999  # the levels between which a curve says something
_FEWEST_POINTS, _MOST_POINTS = 5, 200


def level_curve(
    volume: float,
    aht_s: float,
    interval_s: float,
    *,
    target_s: float,
    patience_s: float | None = None,
    definition: str = "served_of_offered",
    around: float | None = None,
) -> pd.DataFrame:
    """Which service level, occupancy and mean wait does each number of agents give in one interval?

    `volume` contacts of `aht_s` seconds arrive in `interval_s` seconds. One row for each whole number of
    agents, ascending: from the first that serves everybody in the end (Erlang C), or with `patience_s` from
    the first that answers one caller in twenty within `target_s` (Erlang A), up to where 99.9 % are answered
    within it, and at least five. A range wider than 200 numbers is shown by 200 of them, evenly spread.
    `around` is a number of agents that the curve must show, such as those rostered (rounded up to a whole
    one); the range stretches to it. Columns, all float64: agents, service_level (share, by `definition`),
    occupancy (share), asa_s (mean wait of all who call in seconds, infinite where the queue is unstable).
    Without volume there is no curve: an empty frame with these columns.
    Raises ValueError, with a remedy, where a number is missing, negative or infinite, as `required_agents`.
    """
    contacts, handling, interval, target, patience, shown = arrays(
        volume, aht_s, interval_s, target_s, patience_s, around
    )
    refuse(
        (shown < 0) | np.isinf(shown), "around", shown, "is no number of agents: give zero or more, or leave it out."
    )
    few, most = (
        float(
            required_agents(
                contacts, handling, interval,
                service_level=share, target_s=target, patience_s=patience, definition=definition,
            )
        )
        for share in (_FEW, _ALL)
    )  # fmt: skip
    load = formulas.offered_load(contacts, handling, interval)
    if load == 0:
        return pd.DataFrame({name: np.array([], dtype=np.float64) for name in COLUMNS})
    endless = bool(np.isnan(patience) | np.isinf(patience))
    first = float(required_agents(contacts, handling, interval, max_occupancy=1)) if endless else few
    agents = _whole_numbers(first, max(most, first + _FEWEST_POINTS - 1), float(np.ceil(shown)))
    answers = (
        agents,
        formulas.service_level(agents, load, handling, target, patience, definition),
        formulas.occupancy(agents, load, handling, patience),
        formulas.average_speed_of_answer(agents, load, handling, patience),
    )
    return pd.DataFrame(dict(zip(COLUMNS, answers, strict=True)))


def _whole_numbers(first: float, last: float, shown: float) -> Array:
    """Whole numbers from `first` to `last`, thinned where they are too many, stretched to `shown` unless it is NaN."""
    bounds = np.array([first, last, shown])
    low, high = np.nanmin(bounds), np.nanmax(bounds)
    points = int(min(high - low + 1, _MOST_POINTS))
    spread = np.round(np.linspace(low, high, points))
    return np.asarray(np.unique(np.append(spread, first if np.isnan(shown) else shown)), dtype=np.float64)
