"""Bridging: from one level to another by driver, whatever the order the drivers are taken in.

When several factors change at once, what each has done depends on which is changed first. The Shapley value is
the mean over every order, so no order has to be chosen; the effects still add up to the whole step exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from opsanalytics.budget.exact import Exact, as_array, foot, fraction, fractions
from opsanalytics.formats import OTHERS

MOST_FACTORS = 8

#: A value in minor units for each row, exact, from the factors (name -> array of fractions, a row each).
Value = Callable[[Mapping[str, Exact]], Any]


def bridge(start: pd.DataFrame, end: pd.DataFrame, value: Value) -> pd.DataFrame:
    """How much of value(end) - value(start) has each factor done, independent of their order?

    `start` and `end`: the same index and columns, one column a factor (at most eight), exact numbers. `value` takes
    the factors by name as arrays of fractions and returns an exact value in minor units for each row. The effect of a
    factor is the mean of what it changes over all orders in which the factors can change.

    Returns, on the index of `start`, [start_cents, one column for each factor, end_cents], int64; the levels are
    rounded half to even, and the effects foot to their difference by the largest remainder (a tie goes to the factor
    first by name). Raises ValueError for other factors or rows on one side, or too many factors; TypeError where
    `value` is not exact.
    Source: L. S. Shapley, A value for n-person games, 1953; for decompositions A. F. Shorrocks, Journal of Economic
    Inequality 11, 2013.
    """
    names = sorted(str(c) for c in start.columns)
    _refuse_unlike(start, end, names)
    sides = [{name: fractions(side[name], name) for name in names} for side in (start, end.reindex(start.index))]
    worth = {
        chosen: _exact_value(value({name: sides[name in chosen][name] for name in names}), len(start))
        for size in range(len(names) + 1)
        for chosen in map(frozenset, combinations(names, size))
    }
    scale, whole = _on_one_denominator(worth)
    effects = {name: _effect(name, names, whole) for name in names}
    first, last = worth[frozenset()], worth[frozenset(names)]
    levels = [[round(amount) for amount in level] for level in (first, last)]
    orders = math.factorial(len(names))
    cents = [
        foot(
            [Fraction(effects[name][row], scale[row] * orders) for name in names],
            levels[1][row] - levels[0][row],
            f"the bridge at {label!r}",
        )
        for row, label in enumerate(start.index)
    ]
    table = pd.DataFrame(cents, start.index, names, dtype="int64")[[str(c) for c in start.columns]]
    table.insert(0, "start_cents", np.array(levels[0], dtype=np.int64))
    return table.assign(end_cents=np.array(levels[1], dtype=np.int64))


def _refuse_unlike(start: pd.DataFrame, end: pd.DataFrame, names: Sequence[str]) -> None:
    if sorted(str(c) for c in end.columns) != list(names):
        raise ValueError(
            f"The bridge starts from the factors {list(names)} and ends with {[str(c) for c in end.columns]}."
        )
    if not 1 <= len(names) <= MOST_FACTORS:
        raise ValueError(f"A bridge takes 1 to {MOST_FACTORS} factors, not {len(names)}: join some of them.")
    if not start.index.is_unique or not end.index.is_unique or set(start.index) != set(end.index):
        raise ValueError("A bridge needs the same rows at its start and its end, each once: fill the missing ones in.")


def _exact_value(found: Any, rows: int) -> Exact:
    values = as_array(found)
    if len(values) != rows:
        raise ValueError(f"The value of a bridge is one number for each row: {rows}, not {len(values)}.")
    if any(isinstance(v, float | np.floating) for v in values):
        raise TypeError(
            "The value of a bridge must be exact: compute it from the fractions it is given, without floats."
        )
    return as_array(fraction(v, "The value of a bridge") for v in values)


def _on_one_denominator(worth: Mapping[frozenset[str], Exact]) -> tuple[Exact, dict[frozenset[str], Exact]]:
    """Return the least common denominator of each row, and the values as whole numbers over it."""
    rows = zip(*worth.values(), strict=True)
    scale = as_array(math.lcm(*(value.denominator for value in row)) for row in rows)
    whole = {
        chosen: as_array(v.numerator * (s // v.denominator) for v, s in zip(values, scale, strict=True))
        for chosen, values in worth.items()
    }
    return scale, whole


def _effect(name: str, names: Sequence[str], worth: Mapping[frozenset[str], Exact]) -> Exact:
    """Return what changing `name` does, added up over the orders of all factors (as many as their factorial)."""
    count = len(names)
    done: Exact = as_array([0] * len(worth[frozenset()]))
    for chosen, before in worth.items():
        if name not in chosen:
            orders = math.factorial(len(chosen)) * math.factorial(count - len(chosen) - 1)
            done = done + (worth[chosen | {name}] - before) * orders
    return done


def pareto(
    items: pd.DataFrame,
    *,
    item: Sequence[str] = ("item",),
    effect: str = "effect_cents",
    top: int | None = None,
    apart: bool = False,
) -> pd.DataFrame:
    """Which few items make most of the effect?

    `items`: *item (a code, or several columns; repeated ones are added up) and `effect` in cents. Ranked by the
    absolute effect, ties by code; with `apart` favourable and adverse each on their own (an item without effect is in
    neither). Returns [side {all, favourable, adverse}, rank, *item, kind {item, rest}, items, effect_cents, share,
    cumulative_share]: shares are of the total absolute effect of the side (NaN where that is zero). Cut to `top`, the
    rest of each side is one row, kind "rest", "(others)", whose `items` says how many it holds. The effects add up
    to those given.
    """
    keys = list(item)
    sums = items.groupby(keys, dropna=False, observed=True)[effect].sum().reset_index()
    sums = sums.rename(columns={effect: "effect_cents"}).assign(side="all", kind="item", items=1)
    if apart:
        sums["side"] = np.where(sums["effect_cents"] > 0, "favourable", "adverse")
        sums = sums[sums["effect_cents"] != 0]
    sums["size"] = sums["effect_cents"].abs()
    order = sums.assign(favourable=sums["side"] == "favourable", down=-sums["size"])
    ranked = sums.loc[
        order.sort_values(["favourable", "down", *keys], ascending=[False, True, *[True] * len(keys)]).index
    ]
    pieces = [_cut(part, keys, top) for _, part in ranked.groupby("side", sort=False)]
    columns = ["side", "rank", *keys, "kind", "items", "effect_cents", "share", "cumulative_share"]
    if not pieces:
        return pd.DataFrame(columns=columns)
    return pd.concat(pieces, ignore_index=True)[columns]


def _cut(part: pd.DataFrame, keys: Sequence[str], top: int | None) -> pd.DataFrame:
    """Rank one side, join what lies beyond `top`, and share out its absolute effect."""
    whole = int(part["size"].sum())
    if top is not None and len(part) > top:
        rest = part.iloc[top:]
        sums = {"effect_cents": int(rest["effect_cents"].sum()), "size": int(rest["size"].sum()), "items": len(rest)}
        joined = {**dict.fromkeys(keys, OTHERS), "side": part["side"].iloc[0], "kind": "rest", **sums}
        part = pd.concat([part.iloc[:top], pd.DataFrame([joined])], ignore_index=True)
    size = part["size"].astype("int64")
    known = size if whole else size.astype("float64").mask(size == 0)
    return part.assign(
        rank=np.arange(1, len(part) + 1), share=known / (whole or 1), cumulative_share=known.cumsum() / (whole or 1)
    )
