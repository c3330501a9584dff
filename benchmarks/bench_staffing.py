"""Staffing beside its peers: the agents that a year of half hours needs, and Erlang A, in seconds, in one run.

Promised on two cores: required agents for 876,000 intervals in at most 1 s and at least 300 times faster than
pyworkforce's loop; the Erlang A service level of 10,000 intervals in at most 0.2 s. The peers are measured on a sample
of the same intervals, drawn once, and scaled to all. The multiple grows with the load, because the loop counts up from
one agent at each try; so it is also given by size. pyworkforce knows a service level and an occupancy but no mean
wait: rows that promise one are searched upward with its own waiting probability. Prints why pyworkforce is left out
where it is absent.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd

from opsanalytics import staffing

TEAMS, INTERVAL_S, ROUNDS = 50, 1800, 5
SAMPLED = 4_000
BUSIEST = (20, 500)  # erlangs of the smallest and the largest team in their busiest half hour
CRITERIA = ("service_level", "target_s", "max_asa_s", "max_occupancy")


def year_of_half_hours() -> pd.DataFrame:
    """Make 50 teams with a year of half hours each: sizes, day, week, noise and promises that differ by row."""
    chance = np.random.default_rng(0)
    size = TEAMS * 365 * 48
    team = np.repeat(np.geomspace(*BUSIEST, TEAMS), 365 * 48)
    night, morning, evening = np.full(14, 0.1), np.linspace(0.3, 1, 6), np.linspace(1, 0.2, 12)
    day = np.tile(np.concatenate([night, morning, np.ones(16), evening]), TEAMS * 365)
    week = np.tile(np.repeat(np.resize([1.0, 0.95, 0.9, 0.9, 0.85, 0.6, 0.5], 365), 48), TEAMS)
    load, aht = team * day * week * chance.lognormal(0, 0.1, size), chance.uniform(120, 480, size)
    kind = chance.integers(0, 3, size)  # a service level, a mean wait, a service level with an occupancy
    return pd.DataFrame(
        {
            "load": load,
            "volume": load * INTERVAL_S / aht,
            "aht_s": aht,
            "service_level": np.where(kind != 1, chance.uniform(0.7, 0.95, size), np.nan),
            "target_s": np.where(kind != 1, chance.uniform(10, 60, size), np.nan),
            "max_asa_s": np.where(kind == 1, chance.uniform(5, 60, size), np.nan),
            "max_occupancy": np.where(kind == 2, chance.uniform(0.75, 0.92, size), np.nan),
        }
    )


def ours(rows: pd.DataFrame) -> np.ndarray:
    """Return the agents of all rows, by one call."""
    criteria = {name: rows[name] for name in CRITERIA}
    return np.asarray(staffing.required_agents(rows["volume"], rows["aht_s"], INTERVAL_S, **criteria))


def of_pyworkforce(rows: pd.DataFrame) -> np.ndarray:
    """Return the agents of the rows, one after the other."""
    from pyworkforce.queuing import ErlangC

    found = []
    for row in rows.itertuples():
        target = 20.0 if math.isnan(row.target_s) else row.target_s
        queue = ErlangC(transactions=row.volume, aht=row.aht_s / 60, interval=INTERVAL_S / 60, asa=target / 60)
        if math.isnan(row.max_asa_s):
            busiest = 1.0 if math.isnan(row.max_occupancy) else row.max_occupancy
            found.append(queue.required_positions(row.service_level, busiest)["raw_positions"])
        else:
            agents = math.floor(queue.intensity) + 1
            while queue.waiting_probability(agents) * row.aht_s > row.max_asa_s * (agents - queue.intensity):
                agents += 1
            found.append(agents)
    return np.array(found)


def by_the_textbook(agents: int, load: float, aht_s: float, target_s: float, patience_s: float) -> float:
    """Return the Erlang A service level of one interval by the textbook's sums (Mandelbaum & Zeltyn 2007)."""

    def crowd(capacity: float, pressure: float) -> float:
        term, total, count = 1.0, 1.0, 0
        while term > 1e-13 * total:
            count += 1
            term *= pressure / (capacity + count)
            total += term
        return total

    blocking = 1.0
    for count in range(1, agents + 1):
        blocking = load * blocking / (count + load * blocking)
    x, y = agents * patience_s / aht_s, load * patience_s / aht_s
    whole = crowd(x, y)
    delayed = whole * blocking / (1 + (whole - 1) * blocking)
    lost = 1 - x / y + x / (y * whole)
    fade = math.exp(-target_s / patience_s)
    decay = (load * patience_s * (1 - fade) - agents * target_s) / aht_s
    late = x / (x + 1) * fade * crowd(x + 1, y * fade) / whole * math.exp(decay)
    return 1 - delayed * (lost + late)


def seconds(*works: Callable[[], object]) -> list[float]:
    """Return the shortest of several rounds of each piece of work, taken in turn: others may share the machine."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, rounds in zip(works, taken, strict=True):
            start = time.perf_counter()
            work()
            rounds.append(time.perf_counter() - start)
    return [min(rounds) for rounds in taken]


def required(rows: pd.DataFrame) -> None:
    """Print the seconds of the required agents, beside pyworkforce where it is installed."""
    (took,), agents = seconds(partial(ours, rows)), ours(rows)
    print(
        f"required agents, {len(rows):,} intervals of {TEAMS} teams, load {rows['load'].min():.1f} to "
        f"{rows['load'].max():.0f} erlangs, mean {rows['load'].mean():.0f}, {agents.sum():,} agents"
    )
    print(f"  {'ours':36} {took:8.2f} s  (promised: 1 s)")
    if find_spec("pyworkforce") is None:
        print("  pyworkforce is not installed here: nothing is compared with it.")
    else:
        beside_pyworkforce(rows, agents)


def beside_pyworkforce(rows: pd.DataFrame, agents: np.ndarray) -> None:
    """Print how many times longer pyworkforce takes, as a whole and by the size of the load, and where it differs."""
    import pyworkforce

    sample = rows.sample(SAMPLED, random_state=0)
    took, peer = seconds(partial(ours, rows), partial(of_pyworkforce, sample))
    peer *= len(rows) / SAMPLED
    name = f"pyworkforce {pyworkforce.__version__}, loop, scaled"
    print(f"  {name:36} {peer:8.1f} s  {peer / took:.0f} times ours (promised: 300)")
    more = of_pyworkforce(sample) - agents[sample.index]
    print(
        f"  its answer differs in {np.mean(more != 0):.2%} of the sample, by {more.min():+d} to {more.max():+d} agents"
    )
    for size, part in rows.groupby(pd.cut(rows["load"], [0, 10, 30, 100, 300, np.inf]), observed=True):
        some = part.sample(min(len(part), 500), random_state=0)
        one, other = seconds(partial(ours, part), partial(of_pyworkforce, some))
        one, other = one / len(part) * 1e6, other / len(some) * 1e6
        print(
            f"    load {size!s:14} {len(part):8,} intervals: ours {one:5.2f} µs each, "
            f"pyworkforce {other:6.1f} µs, {other / one:6.0f} times"
        )


def impatient(rows: pd.DataFrame) -> None:
    """Print the seconds of the Erlang A service level beside a loop of the textbook's formula."""
    chance, some = np.random.default_rng(1), rows.sample(10_000, random_state=1)
    load, aht = some["load"].to_numpy(), some["aht_s"].to_numpy()
    agents = np.ceil(load * chance.uniform(0.9, 1.2, load.size))
    target, patience = chance.uniform(5, 60, load.size), chance.uniform(60, 600, load.size)
    (took,) = seconds(partial(staffing.service_level, agents, load, aht, target, patience))
    level = staffing.service_level(agents, load, aht, target, patience)

    def textbook() -> np.ndarray:
        queues = zip(agents.astype(int).tolist(), load, aht, target, patience, strict=True)
        return np.array([by_the_textbook(*queue) for queue in queues])

    start = time.perf_counter()
    found = textbook()
    loop = time.perf_counter() - start
    print(f"Erlang A service level, {load.size:,} intervals")
    print(f"  {'ours':36} {took:8.3f} s  (promised: 0.2 s)")
    print(f"  {'plain loop of the textbook formula':36} {loop:8.2f} s  {loop / took:.0f} times ours", end="")
    print(f", largest difference {np.abs(found - level).max():.0e}")


def main() -> None:
    """Print both tables."""
    rows = year_of_half_hours()
    required(rows)
    impatient(rows)


if __name__ == "__main__":
    main()
