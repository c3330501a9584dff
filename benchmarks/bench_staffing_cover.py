"""Shift cover: size, seconds and gap of `cover_shifts`, beside the plain programme given to the same solver.

The requirement is a made-up contact centre, open round the clock: a seeded volume by half hour, agents by Erlang C. One
unit of cost is a paid hour; an hour that one person is short costs three of them, or nobody may be short.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse

from opsanalytics.staffing import cover_shifts, required_agents
from opsanalytics.staffing.cover.patterns import Patterns, shift_patterns, tours

UNDERSTAFF = 1.5  # three paid hours for an hour short, by half hour


@dataclass(frozen=True)
class Task:
    """One programme, how sure its answer has to be, and in how many seconds."""

    name: str
    required: np.ndarray
    patterns: Patterns
    gap: float
    limit_s: float


def need(contacts: float, seed: int) -> np.ndarray:
    """Return the agents of a week of half hours with so many contacts in the mean one."""
    hour, day = np.arange(336) % 48 / 2, np.arange(336) // 48
    shape = 0.1 + np.exp(-(((hour - 10.5) / 2.5) ** 2)) + 0.8 * np.exp(-(((hour - 15.5) / 2.5) ** 2))
    volume = shape * np.array([1.2, 1.05, 1, 1, 0.95, 0.55, 0.4])[day]
    noise = np.random.default_rng(seed).uniform(0.93, 1.07, 336)
    volume = volume / volume.mean() * contacts * noise
    agents = required_agents(volume, 300, 1800, service_level=0.8, target_s=20)
    return np.asarray(agents, dtype=np.float64)


def plain(task: Task, price: float | None) -> tuple[float, float]:
    """Give the programme to the solver as it stands; return objective (inf where none was found) and bound."""
    works, cost = task.patterns.coverage, task.patterns.paid_hours
    shifts, intervals = cost.size, task.required.size
    if price is not None:
        works = sparse.hstack([works, sparse.eye_array(intervals)])
        cost = np.concatenate([cost, np.full(intervals, price)])
    solved = optimize.milp(
        cost,
        integrality=np.arange(cost.size) < shifts,
        constraints=optimize.LinearConstraint(works, lb=task.required),
        options={"time_limit": task.limit_s, "mip_rel_gap": task.gap},
    )
    return (np.inf if solved.fun is None else solved.fun), solved.mip_dual_bound or 0.0


def tasks() -> list[Task]:
    two_breaks = shift_patterns(shift_hours=(8,), break_at=(0.4, 0.6))
    two_lengths = shift_patterns(shift_hours=(8, 4), break_at=(0.5,))
    week = tours(shift_patterns(), 5)
    found = []
    for contacts in (20, 60, 200):
        required = need(contacts, seed=contacts)
        found += [
            Task(f"8 h, two breaks, {contacts} contacts", required, two_breaks, 0, 10),
            Task(f"8 and 4 h, {contacts} contacts", required, two_lengths, 0, 10),
            Task(f"five days on, {contacts} contacts", required, week, 0.01, 30),
        ]
    return found


def main() -> None:
    """Print the table."""
    print(
        f"{'programme':32} {'short':5} {'size':>11} {'asked':>7} | {'s':>5} {'cost':>8} {'gap':>7} | "
        f"{'plain s':>7} {'cost':>8} {'gap':>7}"
    )
    for task in tasks():
        for price in (None, UNDERSTAFF):
            start = time.perf_counter()
            cover = cover_shifts(
                task.required,
                task.patterns.coverage,
                task.patterns.paid_hours,
                understaff_cost=price,
                time_limit_s=task.limit_s,
                gap=task.gap,
            )
            ours = time.perf_counter() - start
            start = time.perf_counter()
            cost, bound = plain(task, price)
            theirs = time.perf_counter() - start
            size = " x ".join(map(str, task.patterns.coverage.shape))
            print(
                f"{task.name:32} {'no' if price is None else 'yes':5} {size:>11} {task.gap:7.1%} | "
                f"{ours:5.1f} {cover.objective:8.1f} {cover.mip_gap:7.2%} | "
                f"{theirs:7.1f} {cost:8.1f} {1 - bound / cost:7.2%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
