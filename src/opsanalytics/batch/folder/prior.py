"""Prior: what a run takes from the finished runs of earlier months, kept in its own inputs."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsanalytics.batch.folder.manifest import DONE, age, list_runs, read_manifest
from opsanalytics.formats import ALL

if TYPE_CHECKING:
    import duckdb

_COMMENTARY = "commentary.parquet"
_COMMENTED_ON = ["entity", "period", "measure", "dimension", "item"]  # a newer comment on the same replaces an older


def latest_prior(runs: Path, period: str) -> Path | None:
    """Return the folder of the latest finished run of an earlier period, if there is one."""
    done = [run for run in list_runs(runs) if run.state == DONE and run.period < period and age(run.name) >= 0]
    return runs / max(done, key=lambda run: (run.period, age(run.name))).name if done else None


def keep_prior(prior: Path | None, folder: Path) -> None:
    """Keep what this run takes from the runs before it under inputs/prior/, so that a re-run finds it there.

    `prior` is the latest finished run of an earlier period: its forecasts and actions are copied, and its comments with
    those that it had itself from before, so that none is lost from pack to pack. What the budget is held against is
    that of the latest finished run up to `prior` that reported the whole company, or of `prior` where none did, so
    that a month run again in part does not hide it: a copy of its figures, run.parquet (one row: period, name,
    currency, minor_digits, and the view: structure, one_offs) and actuals.parquet (its ledger up to its own month by
    period, cost_centre, account, with amount_cents and one_off_cents, int64). outlook.parquet is the latest that any
    of these runs left in that currency. demand_record.parquet and overrides.parquet grow from run to run: each month's
    demand as it was last forecast at each cutoff, and the overrides as they stood in each run, with the moment (UTC) at
    which it was made. What a run of an older version lacks is left out.
    """
    kept = folder / "inputs" / "prior"
    kept.mkdir(parents=True, exist_ok=True)
    if prior is None or read_manifest(prior) is None:
        return
    earlier = _finished_until(prior)
    reported = next((run for run in earlier if _reports_the_whole(run)), prior)
    unit = _currency(reported / "inputs")
    left = [run for run in earlier if _holds(run / "outlook.parquet", "true") and _currency(run / "inputs") == unit]
    sources = [prior / "forecasts.parquet", prior / "inputs" / "actions.parquet", reported / "figures.parquet"]
    sources += [run / "outlook.parquet" for run in left[:1]]
    for source in sources:
        if source.is_file():
            shutil.copyfile(source, kept / source.name)
    _keep_comments(prior, kept)
    _keep_sums(reported, kept)
    _keep_foresight(earlier, folder / "inputs")


def _finished_until(prior: Path) -> list[Path]:
    """Return the finished runs beside `prior` that are no newer than it, the newest first."""
    found = {folder: read_manifest(folder) for folder in [*prior.parent.iterdir(), prior] if folder.is_dir()}
    rank = {f: (m["period"], age(f.name)) for f, m in found.items() if m and m["state"] == DONE and age(f.name) >= 0}
    return sorted((f for f in rank if rank[f] <= rank.get(prior, ("", -1.0))), key=lambda f: rank[f], reverse=True)


def _reports_the_whole(run: Path) -> bool:
    return _holds(run / "figures.parquet", f"report = 'budget_variance' AND entity = '{ALL}'")


def _holds(path: Path, condition: str) -> bool:
    """Has a Parquet file any row of which this is true? One that cannot be read has none."""
    import duckdb

    from opsanalytics.sources.reading import file_literal

    if not path.is_file():
        return False
    try:
        with duckdb.connect() as con:
            query = f"SELECT 1 FROM read_parquet({file_literal(path)}) WHERE {condition} LIMIT 1"
            return con.execute(query).fetchone() is not None
    except duckdb.Error:  # a file of another form, or half a file: there is nothing to take from it
        return False


def _keep_comments(prior: Path, kept: Path) -> None:
    """Keep the comments that a run was given and those that it had from before; a newer one replaces an older one."""
    import pandas as pd

    files = (prior / "inputs" / "prior" / _COMMENTARY, prior / "inputs" / _COMMENTARY)
    frames = [pd.read_parquet(file, dtype_backend="numpy_nullable") for file in files if _holds(file, "true")]
    if not frames:
        return
    whole = pd.concat(frames, ignore_index=True)
    key = [name for name in _COMMENTED_ON if name in whole.columns]
    whole.drop_duplicates(key, keep="last").to_parquet(kept / _COMMENTARY, index=False)


def _keep_foresight(earlier: Sequence[Path], inputs: Path) -> None:
    """Keep what the runs before, the newest first, said of the months to come."""
    from opsanalytics.batch.folder.foresight import Earlier, keep

    found = [(run, read_manifest(run) or {}) for run in earlier]
    keep([Earlier(run, str(m["period"]), dt.datetime.fromisoformat(m["started"])) for run, m in found], inputs)


def _keep_sums(prior: Path, kept: Path) -> None:
    """Write which run the prior is, in which currency and view it counted, and what its ledger came to."""
    import duckdb

    from opsanalytics.sources.reading import file_literal

    manifest = read_manifest(prior) or {}
    period, view = str(manifest["period"]), _view(manifest)
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE run AS SELECT $1::VARCHAR AS period, $2::VARCHAR AS name, $3::VARCHAR AS currency, "
            "$4::BIGINT AS minor_digits, $5::VARCHAR AS structure, $6::VARCHAR AS one_offs",
            [period, prior.name, *_currency(prior / "inputs"), *view],
        )
        _write_table(con, "run", kept / "run.parquet")
        ledger = prior / "inputs" / "ledger.parquet"
        if not ledger.is_file():
            return
        lines = f"read_parquet({file_literal(ledger)})"
        try:
            held = {str(name) for name, *_ in con.execute(f"DESCRIBE SELECT * FROM {lines}").fetchall()}
            once = "coalesce(sum(amount_cents) FILTER (WHERE one_off), 0)" if "one_off" in held else "0"
            con.execute(
                "CREATE TABLE actuals AS SELECT period, cost_centre, account, "
                f"CAST(sum(amount_cents) AS BIGINT) AS amount_cents, CAST({once} AS BIGINT) AS one_off_cents "
                f"FROM {lines} WHERE period <= ? GROUP BY period, cost_centre, account ORDER BY ALL",
                [period],
            )
        except duckdb.Error:  # a ledger of another form, or half a file: the movement is off then, and is said to be
            return
        _write_table(con, "actuals", kept / "actuals.parquet")


def _write_table(con: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    """Write a table to Parquet that appears at `path` only when it is whole."""
    aside = path.with_name(f".{path.name}.part")
    try:
        con.table(table).write_parquet(str(aside))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _view(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """Return the view of the ledger that a run was asked for: structure and one_offs of notebook 01."""
    asked = manifest.get("plan", {}).get("parameters", {}).get("01_budget_variance", {})
    return str(asked.get("structure", "as_posted")), str(asked.get("one_offs", "with"))


def _currency(inputs: Path) -> tuple[str | None, int | None]:
    """Return the currency in which a run counted, and its minor digits; None where that is not on record."""
    try:
        settings = json.loads((inputs / "settings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None, None
    return (settings.get("currency"), settings.get("minor_digits")) if isinstance(settings, dict) else (None, None)
