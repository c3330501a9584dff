"""Earlier: what the last pack on record left to this one, as far as the two can be compared.

Amounts of another currency or of another number of decimals are no amounts of this pack, and a year to date printed in
another view is not where this view's bridge starts. What is not used is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from opsanalytics.budget.amounts import MEASURES
from opsanalytics.budget.leaves import AS_POSTED, WITH, WITHOUT
from opsanalytics.formats import TOTAL, is_missing
from opsanalytics.settings import Settings

_RECORD_HOLDS_ONE_OFFS = "The forecasts on record hold the lines marked one-off"
_RECORD_IS_OTHER_MONEY = "The forecasts on record count other money"


@dataclass(frozen=True)
class Earlier:
    """What the last pack left. A frame is None where there is none to compare with.

    period: the month of that pack, empty where none is on record. actuals: its ledger's sums, in the form of
    `Source.seen`. figures: what it printed, in this pack's view. types: the type that it printed of each account.
    outlook: the forecasts on record. commentary: the comments up to it. why_no_record: why forecasts on record are not
    used, empty where they are or where there are none. note: why its amounts are no amounts of this pack.
    """

    period: str
    actuals: pd.DataFrame | None
    figures: pd.DataFrame | None
    outlook: pd.DataFrame | None
    types: Mapping[str, str]
    commentary: pd.DataFrame | None
    why_no_record: str = ""
    note: str = ""

    def printed(self, entity: str) -> Mapping[str, int] | None:
        """Return the year to date that the last pack printed for an entity, by measure; None where it is not known."""
        if self.figures is None:
            return None
        key = {"report": "budget_variance", "entity": entity, "period": self.period, "horizon": "ytd"}
        key |= {"dimension": TOTAL, "dimension2": "", "scenario": "AC"}
        rows = self.figures[self.figures["measure"].isin(MEASURES)]
        for column, value in key.items():
            rows = rows[rows[column] == value]
        found = {str(measure): int(cents) for measure, cents in zip(rows["measure"], rows["cents"], strict=True)}
        return found if found.keys() == set(MEASURES) else None


def last_pack(prior: Mapping[str, pd.DataFrame], settings: Settings, *, structure: str, one_offs: str) -> Earlier:
    """What of the last pack (`prior`: its frames by name) can this one, in its view, be compared with?"""
    run = prior.get("run", pd.DataFrame())
    actuals, outlook = prior.get("actuals"), prior.get("outlook")
    actuals = None if actuals is None or actuals.empty else actuals
    period = str(run["period"].iloc[0]) if len(run) else str(actuals["period"].max()) if actuals is not None else ""
    note = _other_money(run, settings)
    why = _RECORD_IS_OTHER_MONEY if note else _RECORD_HOLDS_ONE_OFFS if one_offs == WITHOUT else ""
    unused = outlook is None or outlook.empty
    return Earlier(
        period=period,
        actuals=None if note else actuals,
        figures=prior.get("figures") if not note and _view(run) == (structure, one_offs) else None,
        outlook=None if unused or why else outlook,
        types=_types(prior.get("figures")),
        commentary=prior.get("commentary"),
        why_no_record="" if unused else why,
        note=note,
    )


def _types(figures: pd.DataFrame | None) -> Mapping[str, str]:
    """Return the type of each account that stands in figures."""
    if figures is None:
        return {}
    rows = figures[(figures["measure"] == "amount") & (figures["dimension"] == "account")]
    return dict(zip(rows["item"].astype("str"), rows["item2"].astype("str"), strict=True))


def _view(run: pd.DataFrame) -> tuple[str, str]:
    """Return the view that a run was made in: structure and one_offs; the plain one where it does not say."""
    said = run.iloc[0].to_dict() if len(run) else {}
    return str(said.get("structure", AS_POSTED)), str(said.get("one_offs", WITH))


def _other_money(run: pd.DataFrame, settings: Settings) -> str:
    """Say why a run's amounts are no amounts of this one; empty where they are."""
    if run.empty:
        return ""
    currency, digits = run["currency"].iloc[0], run["minor_digits"].iloc[0]
    unused = "no movement is shown, and none of its forecasts is used."
    if is_missing(currency) or is_missing(digits):
        return f"In which currency the last pack counted is not on record: {unused}"
    if currency != settings.currency:
        return f"The last pack is in {currency}, this one in {settings.currency}: {unused}"
    if digits != settings.minor_digits:
        return f"The last pack counts {digits} decimals of {currency}, this one {settings.minor_digits}: {unused}"
    return ""
