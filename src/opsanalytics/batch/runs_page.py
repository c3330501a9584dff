"""The page of all runs: runs/index.html, with the state of every run and links to its packs and notebooks.

One static file that opens offline, on a phone, in the dark and on paper; without a script. The same
runs give the same bytes. How many figures changed since the run of the same period before is counted
once and kept in runs/.changes.json, by what the two runs are and not by their names, which change.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from opsanalytics.batch.folder.manifest import (
    DONE,
    FAILED,
    FILE,
    INTERRUPTED,
    PENDING,
    RUNNING,
    RunState,
    list_runs,
    read_manifest,
)
from opsanalytics.formats import NOT_AVAILABLE, counted, entity_name, listed, month_name, shorten, slugs
from opsanalytics.periods import is_month

PAGE = "index.html"
TEMPLATE = "runs_page.html.jinja"
CHANGES = ".changes.json"

_FIGURES = "figures.parquet"
_PACKS = {"html": "page", "pdf": "PDF", "pptx": "slides", "xlsx": "workbook"}
_PACK_NOTEBOOK = "board_pack"
_REASON = 300
_PRECISE, _MINUTE, _HOUR = 10, 60, 3600  # in seconds; below the first with a decimal


@dataclass(frozen=True)
class Link:
    """A relative link and its text."""

    href: str
    text: str


@dataclass(frozen=True)
class NotebookRow:
    """One notebook of an entity: `bar` is its share of the run's longest, None while it has no time."""

    name: str
    page: str
    log: str
    state: str
    reason: str
    took: str
    bar: float | None


@dataclass(frozen=True)
class EntityBlock:
    """The notebooks of one entity; `summary` counts them by state."""

    name: str
    summary: str
    is_open: bool
    notebooks: tuple[NotebookRow, ...]


@dataclass(frozen=True)
class RunBlock:
    """One run as the page shows it; every text is plain and still to be escaped."""

    anchor: str
    name: str
    period: str
    state: str
    reason: str
    started: str
    moment: str
    took: str
    entities: str
    notebooks: str
    changed: str
    pack: str
    packs: tuple[Link, ...]
    blocks: tuple[EntityBlock, ...]


def write(runs: Path) -> Path:
    """Write the page of all runs of a runs folder, and return its path; another reader sees all of it or the old one.

    Folders without a manifest that can be read are named at its end. Raises OSError where it cannot be written.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(resources.files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8"))
    blocks = _blocks(runs)
    text = template.render(
        periods=_by_period(blocks), runs=blocks, unread=_unread(runs), summary=_summary(blocks), missing=NOT_AVAILABLE
    )
    _write(runs / PAGE, text + "\n")
    return runs / PAGE


def _blocks(runs: Path) -> list[RunBlock]:
    states = sorted(list_runs(runs), key=lambda run: (run.period, run.started, run.name), reverse=True)
    changed = _changed(runs, states)
    anchors = slugs([run.name for run in states])
    return [_block(runs / run.name, run, f"run-{anchors[run.name]}", changed.get(run.name)) for run in states]


def _by_period(blocks: Sequence[RunBlock]) -> list[tuple[str, list[RunBlock]]]:
    periods = dict.fromkeys(block.period for block in blocks)
    return [(period, [block for block in blocks if block.period == period]) for period in periods]


def _summary(blocks: Sequence[RunBlock]) -> str:
    """Say how many runs there are, and how the newest period's latest ended."""
    if not blocks:
        return "No run yet."
    periods = len({block.period for block in blocks})
    return (
        f"{counted(len(blocks), 'run')} of {counted(periods, 'period')}. The latest, {blocks[0].period}: "
        f"{blocks[0].state}."
    )


def _unread(runs: Path) -> list[tuple[str, str]]:
    """Return the folders that show no run, with why: half a run must not look as if it were not there."""
    found = []
    for folder in sorted(runs.iterdir()) if runs.is_dir() else []:
        if folder.is_dir() and not folder.name.startswith(".") and read_manifest(folder) is None:
            there = (folder / FILE).exists()
            found.append((folder.name, f"its {FILE} cannot be read" if there else f"it has no {FILE}"))
    return found


def _block(folder: Path, run: RunState, anchor: str, changed: str | None) -> RunBlock:
    content = read_manifest(folder) or {}
    jobs = [_as_it_is(job, run) for job in content.get("jobs") or []]
    own = [job for job in jobs if _report(job) != _PACK_NOTEBOOK]
    places = (content.get("plan") or {}).get("folders") or {}
    longest = max((float(job.get("seconds") or 0) for job in own), default=0.0)
    entities = list(dict.fromkeys(str(job.get("entity", "")) for job in own))
    blocks = [
        _entity(folder, entity, [job for job in own if job.get("entity", "") == entity], places, longest)
        for entity in entities
    ]
    files = {f"{_PACK_NOTEBOOK}.{ending}": text for ending, text in _PACKS.items()}
    packs = [Link(_href(folder, name), text) for name, text in files.items() if (folder / name).is_file()]
    unfinished = "not finished" if run.state == RUNNING else "not known"
    return RunBlock(
        anchor=anchor,
        name=run.name,
        period=month_name(run.period) if is_month(run.period) else run.period,
        state=run.state,
        reason=shorten(str(content.get("reason") or ""), _REASON),
        started=_moment(run.started),
        moment=run.started,
        took=unfinished if run.seconds is None else _duration(run.seconds),
        entities=counted(len(entities), "entity") if len(entities) == 1 else f"{len(entities):,} entities",
        notebooks=listed([f"{count:,} {state}" for state, count in run.jobs.items()]) or "none",
        changed=NOT_AVAILABLE if changed is None else changed,
        pack=run.pack if packs else _pack_missing(jobs),
        packs=tuple(packs),
        blocks=tuple(blocks),
    )


def _as_it_is(job: Mapping[str, Any], run: RunState) -> Mapping[str, Any]:
    """Return a job as it stands: what a run that is not running had not finished was interrupted."""
    unfinished = run.state != RUNNING and job.get("state") in (RUNNING, PENDING)
    return {**job, "state": INTERRUPTED} if unfinished else job


def _pack_missing(jobs: Sequence[Mapping[str, Any]]) -> str:
    """Say why there is no board pack."""
    packs = [job for job in jobs if _report(job) == _PACK_NOTEBOOK]
    said = [": ".join(filter(None, (str(job.get("state", "")), _reason(job)))) for job in packs]
    return f"none ({said[0]})" if said else "none"


def _report(job: Mapping[str, Any]) -> str:
    name = str(job.get("notebook", ""))
    return name.partition("_")[2] or name


def _entity(
    folder: Path, entity: str, jobs: Sequence[Mapping[str, Any]], places: Mapping[str, str], longest: float
) -> EntityBlock:
    states = [str(job.get("state", "")) for job in jobs]
    counts = {state: states.count(state) for state in dict.fromkeys(states)}
    return EntityBlock(
        name=entity_name(entity),
        summary=listed([f"{count:,} {state}" for state, count in counts.items()]),
        is_open=FAILED in counts,
        notebooks=tuple(
            _notebook(folder, job, str(places.get(entity, "")), longest) for job in sorted(jobs, key=_report_order)
        ),
    )


def _report_order(job: Mapping[str, Any]) -> str:
    return str(job.get("notebook", ""))


def _notebook(folder: Path, job: Mapping[str, Any], place: str, longest: float) -> NotebookRow:
    stem = f"{place}/{job.get('notebook', '')}" if place else str(job.get("notebook", ""))
    pages = [f"{stem}.html", f"{stem}.failed.html", f"{stem}.failed.ipynb"]
    seconds = job.get("seconds")
    taken = job.get("taken_from") or ""
    state = str(job.get("state", ""))
    return NotebookRow(
        name=_report(job).replace("_", " ").capitalize(),
        page=next((_href(folder, page) for page in pages if (folder / page).is_file()), ""),
        log=_href(folder, f"{stem}.log") if state == FAILED and (folder / f"{stem}.log").is_file() else "",
        state=state,
        reason=_reason(job),
        took=f"taken over from {taken}" if taken else "" if seconds is None else _duration(float(seconds)),
        bar=None if seconds is None or taken or not longest else float(seconds) / longest,
    )


def _reason(job: Mapping[str, Any]) -> str:
    """Say why a job is as it is, at which cell it failed, and how often it was tried."""
    said = [shorten(str(job.get("reason") or ""), _REASON)]
    if job.get("cell") is not None:
        said.append(f"cell {job['cell']}")
    if int(job.get("attempts") or 1) > 1:
        said.append(f"{job['attempts']} attempts")
    return "; ".join(part for part in said if part)


def _href(folder: Path, path: str) -> str:
    """Return the relative URL, from the page, of a file in a run's folder."""
    return "/".join(quote(part, safe="") for part in (folder.name, *path.split("/")))


def _moment(text: str) -> str:
    """Write a moment as "24 Nov 2026, 10:18 UTC"; what is none stays as it is."""
    try:
        moment = dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except ValueError:
        return text
    return f"{moment.day} {month_name(f'{moment:%Y-%m}')}, {moment:%H:%M} UTC"


def _duration(seconds: float) -> str:
    """Write a duration: "4.2 s", "37 s", "2 min 05 s", "1 h 06 min"."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{seconds:.1f} s" if seconds < _PRECISE else f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"


# -- Figures changed since the run before --------------------------------------------------------


def _changed(runs: Path, states: Iterable[RunState]) -> dict[str, str]:
    """Say for each finished run how many figures changed since the finished run of the same period before it.

    `states` are the newest first. A pair of runs is compared once; what was counted is kept.
    """
    kept = _kept(runs / CHANGES)
    counts: dict[str, int] = {}
    said: dict[str, str] = {}
    done = [run for run in states if run.state == DONE and (runs / run.name / _FIGURES).is_file()]
    for position, run in enumerate(done):
        before = next((other for other in done[position + 1 :] if other.period == run.period), None)
        if before is None:
            continue
        key = f"{_identity(runs / before.name)} {_identity(runs / run.name)}"
        try:
            counts[key] = kept[key] if key in kept else _count(runs / before.name, runs / run.name)
        except ValueError as error:
            said[run.name] = shorten(f"not known: {error}", _REASON)
        else:
            said[run.name] = f"{counts[key]:,} since {before.name}" if counts[key] else f"none since {before.name}"
    if counts != kept:
        _write(runs / CHANGES, json.dumps(counts, indent=1, sort_keys=True) + "\n")
    return said


def _count(before: Path, run: Path) -> int:
    from opsanalytics.batch.comparison.figures import differing, read_figures

    return len(differing(read_figures(before), read_figures(run))[0])


def _identity(folder: Path) -> str:
    """Return what a finished run is, whatever its folder is called by now."""
    content = read_manifest(folder) or {}
    parts = [content.get(name) for name in ("period", "started", "finished", "digest")]
    return hashlib.sha256(json.dumps(parts).encode("utf-8")).hexdigest()[:16]


def _kept(path: Path) -> dict[str, int]:
    """Return the counts that were kept; none where the file holds something else, and all are counted again."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    whole = isinstance(content, dict) and all(type(count) is int for count in content.values())
    return dict(content) if whole else {}


def _write(path: Path, text: str) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.write_bytes(text.encode("utf-8", "replace"))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)  # half a file, when the disk is full
