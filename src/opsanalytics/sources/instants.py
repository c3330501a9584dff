"""Instants: from the time a source writes to the site's local time, and how often a series comes.

A time with a UTC offset is brought to the site's own clock, and is the same instant as that local time
written without one. A local time that its clock skipped in spring did not exist. Two instants of an hour
that came twice share one local time and are told apart by their offsets; their volumes are added, as one
row for such an hour counts for both.
"""

from __future__ import annotations

import datetime as dt
import itertools
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

import duckdb
import pandas as pd

from opsanalytics.schemas import TABLES
from opsanalytics.settings import is_time_zone
from opsanalytics.sources.cells import FORM, OFFSET, TWICE, UTC
from opsanalytics.sources.faults import ERROR, QUARANTINED, Findings
from opsanalytics.sources.reading import ROW, literal, quoted
from opsanalytics.sources.rows import Typed

_DAY = 24 * 60
_DENSE = 8  # so many different times of day in a month show at which interval it is kept


def create_zones(con: duckdb.DuckDBPyConnection, sites: pd.DataFrame | None, default: str) -> None:
    """Create the tables `zones` (site, zone), `offsets` and `gaps` of the organisation's and the sites' time zones."""
    known = {} if sites is None else dict(zip(sites["site"], sites["time_zone"], strict=True))
    zones = {site: zone for site, zone in known.items() if isinstance(zone, str) and is_time_zone(zone)}
    used = sorted({default, *zones.values()})
    _create(con, "zones", "site VARCHAR, zone VARCHAR", zones.items())
    steps = [(zone, *step) for zone in used for step in _steps(zone)]
    _create(con, "offsets", "zone VARCHAR, since TIMESTAMP, minutes INTEGER, twice BOOLEAN", steps)
    gaps = [(zone, *gap) for zone in used for gap in clock_gaps(zone)]
    _create(con, "gaps", "zone VARCHAR, first TIMESTAMP, last TIMESTAMP", gaps)


def _create(con: duckdb.DuckDBPyConnection, name: str, columns: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Create a small table in two statements: a row at a time takes a tenth of a second."""
    con.execute(f"CREATE TEMP TABLE {name} ({columns})")
    values = list(rows)
    if values:
        places = ", ".join(f"({', '.join('?' * len(row))})" for row in values)
        con.execute(f"INSERT INTO {name} VALUES {places}", [cell for row in values for cell in row])


def report_unknown_zones(sites: pd.DataFrame, rows: Sequence[int], file: str, findings: Findings) -> None:
    """Report the sites' time zones that are no IANA names: no row is left out, so the run must not go on.

    `rows` are the row numbers of the frame.
    """
    for row, zone in zip(rows, sites["time_zone"], strict=True):
        if isinstance(zone, str) and not is_time_zone(zone):
            remedy = (
                "Write the time zone as an IANA name, for example Europe/Dublin, or leave it blank for the "
                "organisation's: without it the site's times cannot be told."
            )
            findings.report(ERROR, "sites", file, row, "time_zone", "not_a_choice", zone, remedy)


@cache
def clock_changes(zone: str, first: int = 1970, last: int = 2070) -> tuple[tuple[dt.datetime, int], ...]:
    """Return from which UTC time on a zone's clock is how many minutes ahead of UTC, oldest first."""
    tz = zoneinfo.ZoneInfo(zone)

    def minutes(utc: dt.datetime) -> int:
        offset = tz.fromutc(utc.replace(tzinfo=tz)).utcoffset()
        assert offset is not None  # an aware time has one
        return round(offset.total_seconds() / 60)

    at, now = dt.datetime(first, 1, 1), minutes(dt.datetime(first, 1, 1))
    found = [(dt.datetime(1, 1, 1), now)]
    while at.year < last:
        then = at + dt.timedelta(days=7)
        if minutes(then) != now:
            low, high = at, then
            while high - low > dt.timedelta(minutes=1):
                middle = low + dt.timedelta(minutes=(high - low) // dt.timedelta(minutes=2))
                low, high = (low, middle) if minutes(middle) != now else (middle, high)
            now = minutes(then)
            found.append((high, minutes(high)))
        at = then
    return tuple(found)


def _steps(zone: str) -> Iterator[tuple[dt.datetime, int, bool]]:
    """Yield from which UTC time on a clock is how many minutes ahead, and whether its times then come twice."""
    changes = clock_changes(zone)
    yield *changes[0], False
    for (_, before), (since, after) in itertools.pairwise(changes):
        if after >= before:
            yield since, after, False
            continue
        back = dt.timedelta(minutes=before - after)
        yield since - back, before, True
        yield since, after, True
        yield since + back, after, False


def clock_gaps(zone: str) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Yield the local times that a zone's clock skipped: from the first (included) to the last (excluded)."""
    steps = clock_changes(zone)
    for (_, before), (since, after) in itertools.pairwise(steps):
        if after > before:
            yield since + dt.timedelta(minutes=before), since + dt.timedelta(minutes=after)


def localised(column: str, relation: str, default: str) -> str:
    """Return the SELECT that brings `column` of a typed relation to local time and adds `__utc` and `__twice`.

    `__twice` is the UTC time of an hour that came twice, where the offset says which of the two it is.
    """
    utc = f"t.{quoted(column)} - to_minutes(t.{OFFSET})"
    with_zone = (
        f"SELECT t.*, CASE WHEN t.{OFFSET} IS NOT NULL THEN {utc} END AS {UTC}, "
        f"coalesce(z.zone, {literal(default)}) AS __zone FROM {relation} t LEFT JOIN zones z ON z.site = t.site"
    )
    return (
        f"SELECT w.* EXCLUDE ({quoted(column)}, __zone), coalesce(w.{UTC} + to_minutes(o.minutes), w.{quoted(column)}) "
        f"AS {quoted(column)}, CASE WHEN o.twice THEN w.{UTC} END AS {TWICE}, w.__zone FROM ({with_zone}) w "
        f"ASOF LEFT JOIN offsets o ON o.zone = w.__zone AND w.{UTC} >= o.since"
    )


def report_nonexistent(con: duckdb.DuckDBPyConnection, typed: Typed, findings: Findings) -> None:
    """Report the demand at a local time that did not exist: dropped when its volume is zero, an error else."""
    query = (
        f"SELECT t.{ROW}, strftime(t.ds, '%Y-%m-%dT%H:%M'), t.volume, t.__zone FROM {typed.open} t JOIN gaps g "
        f"ON g.zone = t.__zone AND t.ds >= g.first AND t.ds < g.last "
        f"WHERE t.{FORM} = 'time' AND t.{OFFSET} IS NULL ORDER BY t.{ROW}"
    )
    for row, value, volume, zone in con.execute(query).fetchall():
        severity = QUARANTINED if not volume else ERROR
        remedy = f"The clocks of {zone} skipped this time. " + (
            "Its volume is zero, so the row is dropped."
            if not volume
            else "Write the times with their UTC offset, or mend the hour."
        )
        findings.report(severity, "demand", typed.file, int(row), "ds", "nonexistent_hour", str(value), remedy)
        findings.leave_out("demand", int(row), "nonexistent_hour", "ds", str(value), counted=False)


def infer_frequencies(con: duckdb.DuckDBPyConnection, typed: Typed, findings: Findings) -> dict[tuple[str, str], str]:
    """Return the frequency of each site and service (MS, W-..., D, h, 30min, ...); mixed ones are an error."""
    found: dict[tuple[str, str], str] = {}
    groups = con.execute(
        f"SELECT site, service, {FORM}, count(*), bool_and(hour(ds) = 0 AND minute(ds) = 0), bool_and(day(ds) = 1) "
        f"FROM {typed.open} GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    forms: dict[tuple[str, str], dict[str, tuple[int, bool, bool]]] = {}
    for site, service, form, count, midnight, first in groups:
        forms.setdefault((str(site), str(service)), {})[str(form)] = (int(count), bool(midnight), bool(first))
    for key, written in forms.items():
        main = max(written, key=lambda form: (written[form][0], form))
        if len(written) > 1:
            _report_mixed(con, typed, key, f"{FORM} <> '{main}'", f"most rows are written as a {main}", findings)
        found[key] = _frequency(con, typed, key, main, written[main], findings)
    return found


def _frequency(
    con: duckdb.DuckDBPyConnection,
    typed: Typed,
    key: tuple[str, str],
    form: str,
    written: tuple[int, bool, bool],
    findings: Findings,
) -> str:
    count, midnight, first = written
    if form == "month" or (first and midnight and count > 1):
        return "MS"
    if form == "day" or (midnight and count > 1):
        return _daily(con, typed, key)
    return _interval(con, typed, key, findings)


def _daily(con: duckdb.DuckDBPyConnection, typed: Typed, key: tuple[str, str]) -> str:
    days = con.execute(
        f"SELECT DISTINCT ds FROM {typed.open} WHERE site = ? AND service = ? ORDER BY ds", list(key)
    ).fetchall()
    steps = {(b[0] - a[0]).days for a, b in itertools.pairwise(days)}
    if steps and all(step % 7 == 0 for step in steps) and len(days) > 2:
        return f"W-{days[0][0].strftime('%a').upper()}"
    return "D"


def _interval(con: duckdb.DuckDBPyConnection, typed: Typed, key: tuple[str, str], findings: Findings) -> str:
    """Return the interval of a series within the day: the usual distance between its times of day."""
    rows = con.execute(
        f"SELECT strftime(ds, '%Y-%m'), hour(ds) * 60 + minute(ds), count(*) FROM {typed.open} "
        f"WHERE site = ? AND service = ? AND {FORM} = 'time' GROUP BY ALL ORDER BY ALL",
        list(key),
    ).fetchall()
    months: dict[str, list[int]] = {}
    for month, minute, _ in rows:
        months.setdefault(str(month), []).append(int(minute))
    step = _step(sorted({minute for minutes in months.values() for minute in minutes}))
    coarse = [m for m, minutes in months.items() if len(minutes) >= _DENSE and _step(sorted(minutes)) > step]
    fine = len(months) - len(coarse)
    if coarse and fine:
        listed = ", ".join(literal(month) for month in coarse)
        where = f"strftime(ds, '%Y-%m') {'IN' if len(coarse) <= fine else 'NOT IN'} ({listed})"
        step = step if len(coarse) <= fine else _step(sorted({m for c in coarse for m in months[c]}))
        _report_mixed(con, typed, key, where, f"most months come every {step} minutes", findings)
    phase = Counter(int(minute) % step for _, minute, n in rows for _ in range(1) if n).most_common(1)[0][0]
    off = f"{FORM} = 'time' AND (hour(ds) * 60 + minute(ds)) % {step} <> {phase}"
    if any(int(minute) % step != phase for _, minute, _ in rows) and not (coarse and fine):
        _report_mixed(con, typed, key, off, f"most rows come every {step} minutes", findings)
    return "h" if step == 60 else f"{step // 60}h" if step % 60 == 0 else f"{step}min"


def _step(minutes: Sequence[int]) -> int:
    """Return the most frequent distance between neighbouring times of day; an hour where it does not divide the day."""
    steps = Counter(b - a for a, b in itertools.pairwise(minutes))
    if not steps:
        return 60
    step = min(steps, key=lambda s: (-steps[s], s))
    return step if _DAY % step == 0 else 60


def _report_mixed(
    con: duckdb.DuckDBPyConnection,
    typed: Typed,
    key: tuple[str, str],
    where: str,
    why: str,
    findings: Findings,
) -> None:
    rows = con.execute(
        f"SELECT {ROW}, strftime(ds, '%Y-%m-%dT%H:%M') FROM {typed.open} WHERE site = ? AND service = ? AND ({where}) "
        f"ORDER BY {ROW}",
        list(key),
    ).fetchall()
    if not rows:
        return
    remedy = (
        f"{key[1]} at {key[0]} mixes frequencies: {why}, and {len(rows)} rows from this one on do not. "
        "Give each site and service one frequency, or the other rows a service of their own."
    )
    findings.report(ERROR, "demand", typed.file, int(rows[0][0]), "ds", "mixed_frequency", str(rows[0][1]), remedy)
    for row, value in rows:
        findings.leave_out("demand", int(row), "mixed_frequency", "ds", str(value), counted=False)


def units_of(services: pd.DataFrame | None) -> Mapping[str, str]:
    """Return the unit of each service; none is known without the table."""
    if services is None:
        return {}
    assert set(services.columns) >= {c.typed_name for c in TABLES["services"].columns}
    return dict(zip(services["service"], services["unit"], strict=True))
