"""Causes: what two runs do not have in common, and which figures may differ by it.

A figure comes from the job of its report and entity. The parts of a job's key say all that its
figures are a function of; those that differ between the runs are the causes of what differs, and
where a job takes another's results, that job's own parts. Where a manifest has no parts (schema 1),
the same is asked of what it does have: inputs, settings, parameters, revision, versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from opsanalytics.batch.comparison.finished import FinishedRun
from opsanalytics.batch.folder.manifest import DONE
from opsanalytics.formats import ALL, shorten

DATA, SETTINGS, PARAMETERS, CODE, VERSIONS, JOBS = (
    "data", "settings", "parameters", "code", "library versions", "jobs",
)  # fmt: skip
_ORDER = ("unexplained", DATA, SETTINGS, PARAMETERS, CODE, VERSIONS, JOBS)
_OWN = "opsanalytics"  # the package's own version is code
_TABLE, _NEED = "table ", "need "


class Cause(NamedTuple):
    """One cause: its kind, and what in particular; sorted in the order of `_ORDER`."""

    place: int
    kind: str
    what: str

    @classmethod
    def of(cls, kind: str, what: str) -> Cause:
        """Make a cause of a kind; an unknown kind comes last."""
        return cls(_ORDER.index(kind) if kind in _ORDER else len(_ORDER), kind, what)

    @property
    def text(self) -> str:
        """The cause in words: "data: ledger"."""
        return f"{self.kind}: {self.what}" if self.what else self.kind


UNEXPLAINED = Cause.of("unexplained", "same data, code, parameters and versions")
_CODE_NOT_KNOWN = Cause.of(CODE, "not known to be the same (no clean revision on record)")


@dataclass(frozen=True)
class Attribution:
    """What differs between two runs, by job.

    `changed` are the tables whose rows are known to differ; None while that is not known. It is asked only where a
    manifest has no parts: the files of a table may differ and its rows be the same.
    """

    a: FinishedRun
    b: FinishedRun
    changed: Set[str] | None = None
    _known: dict[str, frozenset[Cause]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, a: FinishedRun, b: FinishedRun) -> Attribution:
        """Attribute what differs between two runs."""
        return cls(a, b)

    def knowing(self, changed: Set[str]) -> Attribution:
        """Return the same with the knowledge of which tables' rows differ."""
        return replace(self, changed=frozenset(changed), _known={})

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """The tables that differ: by their parts in any job, or by their files."""
        files = [run.files for run in (self.a, self.b)]
        found = {table for table in files[0].keys() | files[1].keys() if files[0].get(table) != files[1].get(table)}
        for job in self._jobs:
            parts = [_parts(run, job) for run in (self.a, self.b)]
            if all(parts):
                found |= {name.removeprefix(_TABLE) for name in _unlike(*parts) if name.startswith(_TABLE)}
        return tuple(sorted(found))

    def due_to(self, report: str, entity: str) -> tuple[Cause, ...]:
        """What may a figure of this report and entity differ by? `UNEXPLAINED` where nothing differs."""
        found: set[Cause] = set()
        jobs = self._jobs_of(report, entity)
        for job in jobs:
            found |= self._of_job(job)
        if not found and any(not all(_parts(run, job) for run in (self.a, self.b)) for job in jobs):
            found = set() if all(_is_clean(run) for run in (self.a, self.b)) else {_CODE_NOT_KNOWN}
        return tuple(sorted(found)) or (UNEXPLAINED,)

    @cached_property
    def everywhere(self) -> tuple[Cause, ...]:
        """Everything that differs between the runs in any job."""
        return tuple(sorted({cause for job in self._jobs for cause in self._of_job(job)}))

    @cached_property
    def _jobs(self) -> dict[str, tuple[str, str]]:
        """Each job's report and entity, of both runs."""
        return {
            job: (str(entry["notebook"]).partition("_")[2], str(entry["entity"]))
            for run in (self.a, self.b)
            for job, entry in run.jobs.items()
        }

    def _jobs_of(self, report: str, entity: str) -> list[str]:
        """Return the jobs that a figure comes from.

        What has no job of its own, such as money of no site, comes from that of the whole, or from the only site's.
        """
        of_report = {job: place for job, (name, place) in self._jobs.items() if name == report}
        for wanted in (entity, ALL):
            if found := [job for job, place in of_report.items() if place == wanted]:
                return found
        return list(of_report)

    def _of_job(self, job: str) -> frozenset[Cause]:
        if job not in self._known:
            self._known[job] = frozenset()  # a job that needed itself would come back here
            self._known[job] = frozenset(self._causes(job))
        return self._known[job]

    def _causes(self, job: str) -> Iterator[Cause]:
        states = [_state(run, job) for run in (self.a, self.b)]
        if states[0] != states[1]:
            yield Cause.of(JOBS, f"{_label(job)} {states[0]} in A, {states[1]} in B")
        if states != [DONE, DONE]:
            return
        parts = [_parts(run, job) for run in (self.a, self.b)]
        if not all(parts):
            parts = [self._recorded(run, job) for run in (self.a, self.b)]
        for name in _unlike(*parts):
            if name.startswith(_NEED):
                yield from self._of_need(name.removeprefix(_NEED))
            else:
                yield self._cause(name, job)

    def _of_need(self, need: str) -> frozenset[Cause]:
        found = self._of_job(need) if need in self._jobs else frozenset()
        return found or frozenset({Cause.of(DATA, f"results of {_label(need)}")})

    def _recorded(self, run: FinishedRun, job: str) -> dict[str, str]:
        """Return parts made of what a manifest of schema 1 has on record."""
        plan, code = run.plan, run.plan.get("code") or {}
        files = {f"{_TABLE}{table}": hashed for table, hashed in run.files.items()}
        if self.changed is not None:
            files = {name: str(run.folder) for name in files if name.removeprefix(_TABLE) in self.changed}
        return files | {
            "settings": json.dumps(run.settings, sort_keys=True),
            "parameters": json.dumps(_parameters(run, job), sort_keys=True, default=str),
            "prior": json.dumps(run.prior, sort_keys=True),
            "code": f"{code.get('revision', '')} {(plan.get('versions') or {}).get(_OWN, '')}",
            "versions": json.dumps(_versions(run), sort_keys=True),
        }

    def _cause(self, part: str, job: str) -> Cause:
        """Say what a part that differs is."""
        a, b = self.a, self.b
        if part.startswith(_TABLE):
            return Cause.of(DATA, part.removeprefix(_TABLE))
        if part == "prior":
            named = ", ".join(_unlike(a.prior, b.prior))
            return Cause.of(DATA, f"prior run ({named})" if named else "prior run")
        if part == "settings":
            return Cause.of(SETTINGS, _changes(_flat(a.settings), _flat(b.settings)))
        if part == "parameters":
            return Cause.of(PARAMETERS, _changes(_flat(_parameters(a, job)), _flat(_parameters(b, job))))
        if part == "versions":
            return Cause.of(VERSIONS, _changes(_versions(a), _versions(b)))
        if part == "notebook":
            return Cause.of(CODE, f"notebook {self._notebook(job)}")
        if part == "code":
            return Cause.of(CODE, f"package {_revision(a)} -> {_revision(b)}")
        return Cause.of(shorten(part, 60), "")

    def _notebook(self, job: str) -> str:
        return next(str(entry["notebook"]) for run in (self.a, self.b) if (entry := run.jobs.get(job)))


def _unlike(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Return the names whose values differ, those on one side only included."""
    absent = object()
    return sorted(name for name in a.keys() | b.keys() if a.get(name, absent) != b.get(name, absent))


def _changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    """Write what changed: "pandas 3.0.1 -> 3.1.0, numpy (none) -> 2.1.0"."""
    said = [f"{name} {_value(a, name)} -> {_value(b, name)}" for name in _unlike(a, b)]
    return ", ".join(said)


def _value(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return "(none)" if value is None or value == "" else shorten(str(value), 60)


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested values by their dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return found


def _parts(run: FinishedRun, job: str) -> Mapping[str, Any]:
    return run.jobs.get(job, {}).get("parts") or {}


def _state(run: FinishedRun, job: str) -> str:
    """Say what became of a job: its state, with the reason where there is one."""
    entry = run.jobs.get(job)
    if not entry:
        return "not planned"
    state, reason = str(entry["state"]), shorten(str(entry.get("reason") or ""), 80)
    return f"{state} ({reason})" if reason and state != DONE else state


def _label(job: str) -> str:
    return shorten(job, 80)


def _parameters(run: FinishedRun, job: str) -> Mapping[str, Any]:
    notebook = str(run.jobs.get(job, {}).get("notebook", ""))
    return (run.plan.get("parameters") or {}).get(notebook) or {}


def _versions(run: FinishedRun) -> dict[str, str]:
    return {name: version for name, version in (run.plan.get("versions") or {}).items() if name != _OWN}


def _is_clean(run: FinishedRun) -> bool:
    code = run.plan.get("code") or {}
    return bool(code.get("revision")) and code.get("clean") is True


def _revision(run: FinishedRun) -> str:
    """Write a revision: its first letters, the package's version where there is none, and whether it was changed."""
    code = run.plan.get("code") or {}
    named = str(code.get("revision") or "")[:7] or str((run.plan.get("versions") or {}).get(_OWN, "unknown"))
    return f"{named} with changes" if code.get("clean") is False else named
