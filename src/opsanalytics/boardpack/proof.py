"""Proof: the pack's own sums, taken again from the figures it shows.

Money is compared to the cent, volumes to a millionth of themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.boardpack.facts import Facts
from opsanalytics.formats import ALL, money, number

if TYPE_CHECKING:
    from opsanalytics.sources import Inputs

HORIZONS = ("month", "ytd", "fy")
SCENARIOS = ("PY", "PL", "AC")
Pair = tuple[float, float]


def adds_up(figures: pd.DataFrame, inputs: Inputs, period: str) -> pd.DataFrame:
    """Do the figures of the pack agree with each other?

    One row a rule, as text: What, Checks (how many), Largest difference, Agrees ("yes" or "no"). A
    rule that has nothing to check is left out.
    """
    facts = Facts(figures, period, inputs.entities())
    digits = inputs.settings.minor_digits
    rows = []
    for what, pairs in (
        ("Revenue less cost is the result", _results(facts)),
        ("The effects of the P&L lines make the result's variance to plan", _effects(facts)),
        ("Revenue and cost of the sites make the whole", _wholes(facts)),
    ):
        gaps = [abs(whole - parts) for whole, parts in pairs]
        if gaps:
            rows.append([what, number(len(gaps)), money(max(gaps), digits), "no" if any(gaps) else "yes"])
    volumes = list(_volumes(facts))
    if volumes:
        agree = all(math.isclose(whole, parts, rel_tol=1e-6, abs_tol=1e-6) for whole, parts in volumes)
        largest = number(max(abs(whole - parts) for whole, parts in volumes), 2)
        rows.append(["Demand of the sites makes the whole", number(len(volumes)), largest, "yes" if agree else "no"])
    return pd.DataFrame(rows, columns=["What", "Checks", "Largest difference", "Agrees"], dtype="str")


def _results(facts: Facts) -> Iterator[Pair]:
    for key in facts.keys("result"):
        result = facts.cents(key)
        revenue, cost = (facts.cents(key._replace(measure=measure)) for measure in ("revenue", "cost"))
        if result is not None and revenue is not None and cost is not None:
            yield result, revenue - cost


def _effects(facts: Facts) -> Iterator[Pair]:
    for entity in (ALL, *facts.sites):
        actual, plan = (facts.total(entity, "result", scenario, "ytd") for scenario in ("AC", "PL"))
        lines = facts.keys("effect", entity=entity, horizon="ytd", dimension="pl_line", reference="PL")
        if actual is not None and plan is not None and lines:
            yield actual - plan, sum(facts.cents(key) or 0 for key in lines)


def _wholes(facts: Facts) -> Iterator[Pair]:
    """Compare what is added, not what is estimated: the outlook is made for each entity by itself."""
    if len(facts.sites) < 2:
        return
    for measure in ("revenue", "cost"):
        for key in facts.keys(measure, entity=ALL):
            whole = facts.cents(key)
            if key.scenario in SCENARIOS and key.horizon in HORIZONS and whole is not None:
                yield whole, sum(facts.cents(key._replace(entity=site)) or 0 for site in facts.sites)


def _volumes(facts: Facts) -> Iterator[Pair]:
    if len(facts.sites) < 2:
        return
    for key in facts.keys("demand", entity=ALL, dimension="service", scenario="AC"):
        parts = [facts.value(key._replace(entity=site)) for site in facts.sites]
        whole = facts.value(key)
        if whole is not None:
            yield whole, sum(part for part in parts if part is not None)
