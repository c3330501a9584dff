"""Sheets: what a cell of a workbook says, as the text that our rules read."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

MONTH_KINDS = ("month", "month_or_year")
_DAY_ONE = (1900, 1, 1)  # what a sheet makes of the number 1; as a time of day that is the end of the day


def cell_text(cell: object, kind: str) -> str:
    """Write a workbook's cell as text: a whole number without decimals, others with the 15 digits a sheet shows."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else _plain(f"{cell:.15g}")
    if kind == "time" and isinstance(cell, dt.date) and (cell.year, cell.month, cell.day) == _DAY_ONE:
        whole = not isinstance(cell, dt.datetime) or cell.time() == dt.time()
        return "24:00" if whole else str(cell)
    if isinstance(cell, dt.datetime):
        return _day_text(cell.date(), kind) if kind != "instant" and cell.time() == dt.time() else cell.isoformat(" ")
    if isinstance(cell, dt.date):
        return f"{cell.isoformat()} 00:00:00" if kind == "instant" else _day_text(cell, kind)
    if isinstance(cell, dt.time):
        return cell.isoformat("minutes" if not cell.second else "seconds")
    if isinstance(cell, dt.timedelta):
        minutes, rest = divmod(int(cell.total_seconds()), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}" + (f":{rest:02d}" if rest else "")
    return str(cell)


def _day_text(day: dt.date, kind: str) -> str:
    return f"{day:%Y-%m}" if kind in MONTH_KINDS and day.day == 1 else day.isoformat()


def _plain(text: str) -> str:
    return format(Decimal(text), "f")
