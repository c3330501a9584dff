"""Sales: how much of a revenue variance is volume, which of it mix, and which price.

Volume sells the planned mix in the actual quantity, mix shifts units between products at the same
quantity, and price is what a unit brought beyond plan. What a product newly sold or no longer sold brings is
neither, and stands apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.budget.exact import Exact, as_array, as_decimal, foot, fractions, whole_cents

MIXES = ("weighted", "individual")
_SUFFIX = "_effect_cents"


def price_volume_mix(
    sales: pd.DataFrame,
    *,
    by: Sequence[str] = (),
    item: Sequence[str] = ("product",),
    terms: int = 2,
    mix: str = "weighted",
    value: str = "budget_price",
    changed: str = "apart",
    minor_digits: int = 2,
) -> pd.DataFrame:
    """Is it volume, mix or price? For each product of each group of `by`.

    `sales`: *by, *item (together a key), budget_units, budget_price, actual_units, actual_price (exact numbers, prices
    in whole currency units). `value` names the column at which units are valued for volume and mix: the budget price,
    or a standard contribution. With Q the units of a group in all, W = sum(budget units x value) / budget Q, and the
    standard mix s = actual Q x budget units / budget Q:

    mix, "weighted": (actual units - s) x (value - W); "individual": (actual units - s) x value. Same total.
    volume: (actual units - budget units) x value - mix; its total is (actual Q - budget Q) x W.
    price, two terms: (actual price - budget price) x actual units, so the joint effect is in it; three terms:
    x budget units, and joint = (actual price - budget price) x (actual units - budget units).
    new, discontinued (`changed` "apart"): the whole of a product without budget units, or without actual units; such
    a product is then outside the mix. With "in_mix" it is in it, as the textbook has it, and these two are zero.

    Returns, sorted, [*by, *item, budget_units, actual_units, average_value (W, Decimal; missing where the budget Q is
    zero, which has no mix), budget_cents, actual_cents, volume_, mix_, price_, (joint_,) new_, discontinued_ and
    total_effect_cents]. A row's effects foot to its total, the group's to the group's exact ones within a cent.
    Raises ValueError for a repeated key, a missing number or an unknown option. Sources: Horngren, Datar, Rajan, Cost
    Accounting, 14th edition, chapter 14; ACCA Performance Management, advanced variances (sales mix and quantity).
    """
    _refuse_unknown(terms, mix, changed)
    keys = [*by, *item]
    rows = sales.sort_values(keys, kind="stable", ignore_index=True) if keys else sales.reset_index(drop=True)
    _refuse_repeats(rows, keys)
    lines = _lines(rows, value, changed)
    effects = _exact_effects(rows, lines, by, terms, mix)
    cents = _footed(rows, lines, effects, by, minor_digits)
    kept = [*keys, "budget_units", "actual_units"]
    return pd.concat([rows[kept], cents], axis=1)


def _refuse_unknown(terms: int, mix: str, changed: str) -> None:
    if terms not in (2, 3):
        raise ValueError(f"price_volume_mix has two or three terms, not {terms!r}.")
    if mix not in MIXES:
        raise ValueError(f"The mix '{mix}' is unknown: use one of {', '.join(MIXES)}.")
    if changed not in ("apart", "in_mix"):
        raise ValueError(f"changed='{changed}' is unknown: use 'apart' or 'in_mix'.")


def _refuse_repeats(rows: pd.DataFrame, keys: list[str]) -> None:
    repeated = rows[rows.duplicated(keys)] if keys else rows.iloc[1:]
    if len(repeated):
        named = ", ".join(f"{key} {repeated.iloc[0][key]!r}" for key in keys) or "one product"
        raise ValueError(
            f"Sales hold {named} more than once: name the columns that tell the rows apart in `by` or `item`."
        )


def _lines(rows: pd.DataFrame, value: str, changed: str) -> pd.DataFrame:
    """Return exact units, value and price step of each row, and whether it is new, discontinued or neither (kind).

    A price that no unit was planned or sold at is taken as the other side's.
    """
    planned, came = (fractions(rows[f"{side}_units"]) for side in ("budget", "actual"))
    prices = rows[["budget_price", "actual_price"]].astype(object)
    budget = prices["budget_price"].where(prices["budget_price"].notna() | (planned != 0), prices["actual_price"])
    actual = prices["actual_price"].where(prices["actual_price"].notna() | (came != 0), budget)
    unsold = (planned == 0) & (came == 0)
    before, after = (
        fractions(p.mask(p.isna() & unsold, 0), str(n)) for n, p in (("budget_price", budget), ("actual_price", actual))
    )
    worth = before if value == "budget_price" else fractions(rows[value])
    kind = np.full(len(rows), "", dtype=object)
    if changed == "apart":
        kind[(planned == 0) & (came != 0)] = "new"
        kind[(planned != 0) & (came == 0)] = "discontinued"
    parts = {"planned": planned, "came": came, "worth": worth, "step": after - before, "kind": kind}
    return pd.DataFrame(parts, dtype=object)


def _exact_effects(rows: pd.DataFrame, lines: pd.DataFrame, by: Sequence[str], terms: int, mix: str) -> pd.DataFrame:
    """Return [average, volume, mix, price, joint] of the rows that are neither new nor discontinued, exactly."""
    units, came, worth, step = (lines[c].to_numpy() for c in ("planned", "came", "worth", "step"))
    average: Exact = np.full(len(rows), None, dtype=object)
    moved: Exact = as_array([Fraction(0)] * len(rows))
    for positions in _groups(rows, by, lines["kind"].to_numpy() == ""):
        planned_all, came_all = sum(units[positions]), sum(came[positions])
        if planned_all == 0:
            continue
        weighted = sum(units[positions] * worth[positions]) / planned_all
        average[positions] = as_array([weighted] * len(positions))
        shifted = came[positions] - units[positions] * (came_all / planned_all)
        moved[positions] = shifted * (worth[positions] - (weighted if mix == "weighted" else 0))
    joint = step * (came - units) if terms == 3 else as_array([Fraction(0)] * len(rows))
    return pd.DataFrame(
        {
            "average": average,
            "volume": (came - units) * worth - moved,
            "mix": moved,
            "price": step * came - joint,
            "joint": joint,
        },
        dtype=object,
    ).drop(columns=[] if terms == 3 else ["joint"])


def _groups(rows: pd.DataFrame, by: Sequence[str], kept: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.intp]]:
    """Return the positions of each group's kept rows, in order."""
    if len(rows) == 0:
        return []
    numbers = (
        rows.groupby(list(by), dropna=False, observed=True).ngroup().to_numpy() if by else np.zeros(len(rows), int)
    )
    positions = np.flatnonzero(kept)
    in_order = positions[np.argsort(numbers[positions], kind="stable")]
    edges = np.flatnonzero(np.diff(numbers[in_order])) + 1
    return [part for part in np.split(in_order, edges) if len(part)]


def _footed(
    rows: pd.DataFrame, lines: pd.DataFrame, effects: pd.DataFrame, by: Sequence[str], minor_digits: int
) -> pd.DataFrame:
    """Round to cents: a group's drivers foot to its total, each driver over its rows; volume has the rest of a row."""
    scale = 10**minor_digits
    units, came, worth, step = (lines[c].to_numpy() for c in ("planned", "came", "worth", "step"))
    budget, actual = whole_cents(units * worth, minor_digits), whole_cents(came * (worth + step), minor_digits)
    total = actual - budget
    drivers = [c for c in effects.columns if c != "average"]
    exact = {driver: effects[driver].to_numpy() * scale for driver in drivers}
    found = {driver: np.zeros(len(rows), dtype=np.int64) for driver in (*drivers, "new", "discontinued")}
    kind = lines["kind"].to_numpy()
    for name in ("new", "discontinued"):
        found[name] = np.where(kind == name, total, 0)
    for positions in _groups(rows, by, kind == ""):
        sums = [sum(exact[driver][positions], Fraction(0)) for driver in drivers]
        whole = foot(sums, int(total[positions].sum()), "sales", slack=len(positions))
        for driver, cents in list(zip(drivers, whole, strict=True))[1:]:
            found[driver][positions] = foot(list(exact[driver][positions]), cents, driver, slack=len(positions) + 1)
        found["volume"][positions] = (total - sum(found[driver] for driver in drivers[1:]))[positions]
    average = [None if pd.isna(a) else as_decimal(a) for a in effects["average"]]
    columns = {f"{driver}{_SUFFIX}": cents for driver, cents in found.items()}
    return pd.DataFrame(
        {
            "average_value": as_array(average),
            "budget_cents": budget,
            "actual_cents": actual,
            **columns,
            f"total{_SUFFIX}": total,
        }
    )
