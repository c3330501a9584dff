"""Result: what the budget variance of one entity in one month holds, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from opsanalytics.budget.comparison import COMPLETE, EFFECT_SIGN, INCOMPLETE, is_material
from opsanalytics.formats import TOTAL
from opsanalytics.settings import Materiality


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What was planned, what happened and where the year is heading, for one entity and reporting month.

    All money is int64 in the currency's minor units, in the account's natural sign. At dimension "(total)" the
    measures are revenue, cost and result; below it the measure is "amount", split by type (dimension2 "type").

    structure, one_offs: the view, "as_posted" or "as_current", "with" or "without" lines marked one-off.
    amounts: measure, dimension, item, dimension2, item2, horizon, scenario, cents. A scenario that does not stand at a
    horizon has no row: AC at roy and fy, FC of a month that could not be forecast, PY without ledger lines, PL without
    a budget for the year. variances: the same keys with name, reference {PY, PL, FC}, actual_cents, reference_cents,
    variance_cents, effect_cents, share (NaN where the reference is zero or negative), material, found_in {both,
    actual, reference}, status, like_for_like_cents (the variance over the months, and against PY the weeks, that both
    sides hold). monthly: period, measure, scenario, cents, over the fiscal year and the one before. forecast: site,
    department, cost_centre, account, pl_line, type, period, cents, cutoff, reconstructed: what each month to date was
    last forecast to be. outlook_lines: the same leaf, period, cents: the chosen outlook of the open months. outlook:
    measure, method, horizon, cents, chosen, lo_cents, hi_cents (Int64, the chosen one's 80 % range), and beside the
    plan plan_cents, variance_cents, effect_cents (Int64, missing without a plan). outlook_accuracy: measure, method,
    years, wape, bias, weight. crossed: cost_centre, pl_line, type, actual_cents, reference_cents, variance_cents,
    effect_cents: the year to date against plan by both at once, over the months that both sides hold; what neither
    side holds has no row. drivers, bridges: why the result is off, see `explanation.Explanation`. restated,
    movement: what changed in months reported before, and how the last pack's year to date became this one, see
    `restatement.Restatement`. flags, largest: ledger lines to look at, and those behind each material variance, see
    `anomalies` and `lines`. activity_rates, activity_costs: see
    `activities`, for the whole only. What the inputs do not allow is an empty frame with the same columns. phasing:
    cost_centre, account, rule, fiscal_year. missing: months of the year to date that lack ledger lines, of the
    entity or of one of its sites (missing_at: site, period). notes: sentences on what the figures leave out.
    """

    period: str
    entity: str
    currency: str
    minor_digits: int
    materiality: Materiality
    structure: str
    one_offs: str
    amounts: pd.DataFrame
    variances: pd.DataFrame
    monthly: pd.DataFrame
    forecast: pd.DataFrame
    outlook: pd.DataFrame
    outlook_lines: pd.DataFrame
    outlook_accuracy: pd.DataFrame
    crossed: pd.DataFrame
    drivers: pd.DataFrame
    bridges: pd.DataFrame
    restated: pd.DataFrame
    movement: pd.DataFrame
    flags: pd.DataFrame
    largest: pd.DataFrame
    activity_rates: pd.DataFrame
    activity_costs: pd.DataFrame
    phasing: pd.DataFrame
    missing: tuple[str, ...]
    missing_at: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """INCOMPLETE when a month of the year to date is missing, else COMPLETE."""
        return INCOMPLETE if self.missing else COMPLETE

    @property
    def comparable(self) -> pd.DataFrame:
        """The variances to be judged, see `comparable`."""
        return comparable(self.variances, self.materiality)


@dataclass(frozen=True, kw_only=True)
class BudgetVariance(Findings):
    """The findings, and the words about them.

    comments: the analysts' words with their state; drafts, draft_numbers: sentences from the numbers and the figure
    that each number is, see `commentary`.
    """

    comments: pd.DataFrame
    drafts: pd.DataFrame
    draft_numbers: pd.DataFrame


def comparable(variances: pd.DataFrame, materiality: Materiality) -> pd.DataFrame:
    """Return the variances to be judged: like for like, over the months and weeks that both sides hold.

    One that is INCOMPLETE has no share then, and is material by its amount alone. In a period with a 53rd week the
    variance from PY is that of the weeks that both have, and its share that of PY.
    """
    short, like = variances["status"] == INCOMPLETE, variances["like_for_like_cents"]
    other = short | (like != variances["variance_cents"])
    kind = variances["item2"].where(variances["dimension"] != TOTAL, variances["measure"])
    sign = kind.map(EFFECT_SIGN).fillna(0).astype("int64")
    reference = variances["reference_cents"].where(variances["reference_cents"] > 0)
    share = variances["share"].mask(other, like / reference).mask(short)
    return variances.assign(
        variance_cents=like,
        effect_cents=variances["effect_cents"].mask(other, like * sign),
        share=share,
        material=variances["material"].mask(other, is_material(like, share, materiality) & (sign != 0)),
    )


def rows_of(frame: pd.DataFrame, **where: object) -> pd.DataFrame:
    """Return the rows whose columns have these values; a frame without rows may lack the columns."""
    if frame.empty:
        return frame
    kept = np.ones(len(frame), dtype=bool)
    for column, value in where.items():
        kept &= (frame[column] == value).to_numpy(dtype=bool, na_value=False)
    return frame[kept]
