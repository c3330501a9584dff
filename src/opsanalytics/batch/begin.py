"""The beginning of a run: its folder, made whole before it bears its name, and what is on record already.

    inputs, prior and quarantine -> keys of the jobs -> the same as those of the run that lies there?
      yes: that run goes on; what is done and whole stands
      no:  it moves aside; what other runs did under the same key is taken over

So a run that was killed goes on with the same command, and a month run again after a correction runs
only what the correction touches.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from opsanalytics.batch.folder import manifest
from opsanalytics.batch.folder.manifest import DONE, FAILED, INTERRUPTED, JobState
from opsanalytics.batch.folder.prior import keep_prior, latest_prior
from opsanalytics.batch.folder.record import Place, Records, take_over, whole
from opsanalytics.batch.planning.notebooks import PACK
from opsanalytics.batch.planning.plan import Plan
from opsanalytics.batch.planning.request import Prepared

ON_RECORD = "on record"


@dataclass(frozen=True)
class Begun:
    """A run that has its folder: the manifest's content, and the jobs that are on record with whole outputs.

    `lengths` are the seconds that jobs took in the runs on record, by job id.
    """

    folder: Path
    content: dict[str, Any]
    kept: Mapping[str, JobState]
    lengths: Mapping[str, float]


def begin(prepared: Prepared) -> Begun:
    """Make the run's folder, or find the one of the same run; the caller holds the lock of the run."""
    request, folder = prepared.request, prepared.folder
    manifest.refuse_strange_folder(folder)
    made = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(made, ignore_errors=True)
    try:
        content = _made(prepared, made)
        there = manifest.read_manifest(folder)
        if there is not None and _goes_on(there, content, forced=request.force):
            _clear(folder)
            _renew(made, folder)
            content["started"] = there["started"]  # when its data were read: what it knew, it knew then
        else:
            manifest.write_json(made / manifest.FILE, content)
            manifest.put_in_place(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    records = Records.of(folder.parent)
    kept = _on_record(records.within(folder) if request.force else records, prepared.plan, folder, content)
    for job in prepared.plan.active:
        if job.id not in kept:  # nothing that an earlier attempt left counts
            place = Place(job.notebook, job.entity, prepared.plan.folders.get(job.entity, ""))
            shutil.rmtree(folder / place.results, ignore_errors=True)
    for entry in content["jobs"]:
        if entry["id"] in kept:
            entry |= manifest.of_state(kept[entry["id"]])
    manifest.write_json(folder / manifest.FILE, content)
    return Begun(folder, content, kept, _lengths(records))


def _goes_on(there: Mapping[str, Any], content: Mapping[str, Any], *, forced: bool) -> bool:
    """Is the run that lies there this one? One that is forced goes on only where it was forced and has not ended."""
    if there.get("digest") != content["digest"] or "started" not in there:
        return False
    return not forced or (there.get("plan", {}).get("asked", {}).get("force") is True and there["state"] != DONE)


def _renew(made: Path, folder: Path) -> None:
    """Put what a run takes in, as it was just made, in the place of what lies in its folder."""
    for name in ("inputs", "quarantine.csv"):
        old = folder / f".{name}.part"
        if (folder / name).exists():
            (folder / name).rename(old)
        (made / name).rename(folder / name)
        _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _made(prepared: Prepared, made: Path) -> dict[str, Any]:
    """Write what the run takes in, and return its manifest."""
    from opsanalytics.batch.planning.keys import keys as keys_of

    made.mkdir(parents=True)
    prepared.inputs.save(made / "inputs")
    if prepared.repeats is None:
        prior = latest_prior(prepared.folder.parent, prepared.request.period)
        keep_prior(prior, made)
        named = prior.name if prior else ""
    else:
        shutil.copytree(prepared.repeats / "inputs" / "prior", made / "inputs" / "prior", dirs_exist_ok=True)
        named = str((manifest.read_manifest(prepared.repeats) or {}).get("plan", {}).get("prior", ""))
    manifest.write_quarantine(prepared.inputs.quarantine, made / "quarantine.csv")
    keys = keys_of(prepared.plan, prepared.notebooks, prepared.inputs, made / "inputs" / "prior")
    return manifest.start(prepared, named, keys, prepared.fingerprint)


def standing(prepared: Prepared) -> dict[str, str]:
    """Say of each job of a plan, by id, that it is on record, or why it would run; nothing is left behind."""
    from opsanalytics.batch.planning.keys import differences

    with tempfile.TemporaryDirectory(prefix="ops-") as place:
        content = _made(prepared, Path(place) / "new")
    records = Records.of(prepared.folder.parent)
    there = manifest.read_manifest(prepared.folder) or {"jobs": []}
    before = {entry["id"]: entry for entry in there["jobs"]}
    entries = {entry["id"]: entry for entry in content["jobs"]}
    said = dict[str, str]()
    for job in prepared.plan.active:
        entry, last = entries[job.id], before.get(job.id, {})
        found = records.find(entry["key"])
        if prepared.request.force:
            said[job.id] = "forced"
        elif found is not None and whole(found):
            said[job.id] = ON_RECORD
        elif found is not None or last.get("key") == entry["key"]:
            said[job.id] = "its files are missing or damaged"
        elif last.get("state") == DONE:
            changed = differences(entry["parts"], last.get("parts", {}))
            said[job.id] = "; ".join(changed) or "it was made without what it needs"
        else:
            said[job.id] = f"{last['state']} before" if last.get("state") in (FAILED, INTERRUPTED) else "new"
    others = [told for name, told in said.items() if entries[name]["notebook"] != PACK]
    for job in prepared.plan.active:
        if job.notebook == PACK and said[job.id] == ON_RECORD and any(told != ON_RECORD for told in others):
            said[job.id] = "another notebook is made again"
    return said


def _clear(folder: Path) -> None:
    """Remove what a run that was killed had only half written."""
    patterns = (".*.part", ".*.part.ipynb", "*.partial", ".taken-*")
    for left in [left for pattern in patterns for left in folder.rglob(pattern)]:
        _remove(left)


def _on_record(records: Records, plan: Plan, folder: Path, content: Mapping[str, Any]) -> dict[str, JobState]:
    """Return the jobs that need not run, with their outputs in the run's folder; the pack only where all others are."""
    kept: dict[str, JobState] = {}
    keys = {entry["id"]: entry["key"] for entry in content["jobs"]}
    for job in plan.active:
        if job.notebook == PACK and any(other.id not in kept for other in plan.active if other.notebook != PACK):
            continue
        found = records.find(keys[job.id])
        if found is None:
            continue
        outputs = take_over(found, folder)
        if outputs is not None:
            taken_from = "" if found.folder == folder else found.folder.name
            kept[job.id] = replace(manifest.state_of(found.entry, taken_from), outputs=outputs)
    return kept


def _lengths(records: Records) -> dict[str, float]:
    """Return how many seconds each job took when it last ran."""
    found = dict[str, float]()
    for jobs in records.by_digest.values():
        for job in jobs:
            if job.entry.get("seconds"):
                found.setdefault(str(job.entry["id"]), float(job.entry["seconds"]))
    return found
