"""Currency: what exchange rates did to the result, apart from what was sold or bought.

Everything local is measured at the budget rate; what the actual rate adds to the actual local value is the
exchange variance, row by row, so that any total of it is a sum of rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import pandas as pd

from opsanalytics.budget.comparison import EFFECT_SIGN
from opsanalytics.budget.exact import Exact, as_array, foot, fraction, fractions, whole_cents

_SPLIT = ("exchange", "volume", "price", "local")


def fx_variance(
    rows: pd.DataFrame,
    rates: pd.DataFrame,
    *,
    own: str | None = None,
    actual_kind: str = "average",
    minor_digits: int = 2,
) -> pd.DataFrame:
    """Which part of each variance comes from exchange rates, and which from volume and price at budget rates?

    `rows`: any keys, currency, period, and local values in whole currency units: budget_units, budget_price,
    actual_units, actual_price and / or budget_local, actual_local (units x price where absent); `type` {revenue, cost},
    revenue where absent. `rates` is the checked fx_rates table (currency, period, kind {budget, average, closing},
    rate: own currency for one foreign unit); rows in the `own` currency count at one. Added, in cents of the own
    currency: budget_rate, actual_rate, budget_cents (at the budget rate), actual_cents (at the actual), and effects on
    the result

    exchange: actual local value x (actual rate - budget rate)
    volume: (actual units - budget units) x budget price x budget rate
    price: (actual price - budget price) x actual units x budget rate
    local: the local variance that units and prices do not explain, at the budget rate (all of it without them)
    total: actual - budget, to which the four foot in each row.

    This is for sales or purchases whose local prices are known. The budget variance knows the ledger's amounts only:
    there the part due to rates is a sum of lines (`currency_cents`, at average less at budget rate).
    Raises LookupError naming currency, period and kind of a rate that is missing, ValueError for an unknown type.
    """
    kinds = rows["type"] if "type" in rows.columns else pd.Series("revenue", rows.index)
    strange = kinds[~kinds.isin(["revenue", "cost"])]
    if len(strange):
        raise ValueError(f"The type {strange.iloc[0]!r} of row {strange.index[0]!r} is unknown: use revenue or cost.")
    known = {
        (str(c), str(p), str(k)): fraction(r, f"The {k} rate of {c} in {p}")
        for c, p, k, r in rates[["currency", "period", "kind"]].assign(rate=rates["rate"].astype(object)).to_numpy()
    }
    budget_rate, actual_rate = (_rates(rows, known, kind, own) for kind in ("budget", actual_kind))
    planned, came = _local(rows, "budget"), _local(rows, "actual")
    volume, price = _volume_and_price(rows)
    exact = {
        "exchange": came * (actual_rate - budget_rate),
        "volume": volume * budget_rate,
        "price": price * budget_rate,
        "local": (came - planned - volume - price) * budget_rate,
    }
    budget = whole_cents(planned * budget_rate, minor_digits)
    actual = whole_cents(came * actual_rate, minor_digits)
    scale = 10**minor_digits
    cents = [
        foot(
            [exact[name][row] * scale for name in _SPLIT], int(actual[row] - budget[row]), f"the currency row {label!r}"
        )
        for row, label in enumerate(rows.index)
    ]
    sign = kinds.map(EFFECT_SIGN).astype("int64")
    found = pd.DataFrame(cents, rows.index, [f"{name}_effect_cents" for name in _SPLIT], dtype="int64")
    return rows.assign(
        budget_rate=budget_rate,
        actual_rate=actual_rate,
        budget_cents=budget,
        actual_cents=actual,
        **{name: found[name] * sign for name in found.columns},
        total_effect_cents=(actual - budget) * sign,
    )


def _rates(rows: pd.DataFrame, known: Mapping[tuple[str, str, str], Fraction], kind: str, own: str | None) -> Exact:
    pairs = list(zip(rows["currency"].astype("str"), rows["period"].astype("str"), strict=True))
    lacking = sorted({pair for pair in pairs if pair[0] != own and (*pair, kind) not in known})
    if lacking:
        named = ", ".join(f"{currency} in {period}" for currency, period in lacking)
        raise LookupError(f"There is no {kind} rate for {named}: add it to fx_rates.")
    return as_array(Fraction(1) if currency == own else known[currency, period, kind] for currency, period in pairs)


def _local(rows: pd.DataFrame, side: str) -> Exact:
    """Return the local value of a side: as stated, else units x price."""
    if f"{side}_local" in rows.columns:
        return fractions(rows[f"{side}_local"])
    product: Exact = fractions(rows[f"{side}_units"]) * fractions(rows[f"{side}_price"])
    return product


def _volume_and_price(rows: pd.DataFrame) -> tuple[Exact, Exact]:
    if not {"budget_units", "budget_price", "actual_units", "actual_price"} <= set(rows.columns):
        nothing = as_array([Fraction(0)] * len(rows))
        return nothing, nothing
    planned, before, came, after = (
        fractions(rows[c]) for c in ("budget_units", "budget_price", "actual_units", "actual_price")
    )
    return (came - planned) * before, (after - before) * came
