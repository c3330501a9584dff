"""A run once more: asked for again unchanged, asked for in the same words, or repeated from its own inputs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from opsanalytics.batch.folder import manifest
from opsanalytics.batch.folder.files import hashes
from opsanalytics.batch.folder.manifest import DONE
from opsanalytics.batch.folder.record import done_jobs, whole
from opsanalytics.batch.planning.fingerprint import fingerprint
from opsanalytics.batch.planning.notebooks import RequestError, read_notebooks
from opsanalytics.batch.planning.plan import Request
from opsanalytics.batch.planning.request import Prepared, plan_checked, prepare
from opsanalytics.batch.run import Outcome, alone


def unchanged(request: Request) -> Outcome | None:
    """Return the finished run of just this request, where all that it left is whole; None where it has to be made.

    Nothing of it is imported that reads tables or runs notebooks: the answer is there at once.
    """
    folder = (request.runs / request.period).absolute()
    there = manifest.read_manifest(folder)
    if there is None or there["state"] != DONE or not there.get("fingerprint") or not request.data.is_dir():
        return None
    if there["fingerprint"] != fingerprint(request):
        return None
    ran, on_record = sum(entry["state"] == DONE for entry in there["jobs"]), list(done_jobs(folder, there))
    if len(on_record) < ran or not all(whole(job) for job in on_record):
        return None
    if not there.get("files") or there["files"] != hashes(folder, [folder / name for name in there["files"]]):
        return None
    return _outcome(folder, there)


@contextmanager
def held(run_dir: Path) -> Iterator[None]:
    """Hold a run as it is while it is repeated and compared with; where nobody can write, nobody changes it.

    Raises RequestError when it is no run, or when a run into its folder is under way.
    """
    _run(run_dir)
    with alone(run_dir) if os.access(run_dir.parent, os.W_OK) else nullcontext():
        yield


def prepare_again(
    run_dir: Path, into: Path, folder: Path, *, jobs: int, engine: str, deadline_s: float = 3600.0
) -> Prepared:
    """Prepare the repetition of a run from the inputs that it kept, with what was asked for then.

    Raises RequestError when there is no such run, when it has no inputs, or when `into` is taken.
    """
    from opsanalytics import sources

    run_dir, content = run_dir.absolute(), _run(run_dir)
    _refuse_while_under_way(run_dir, content)
    there = manifest.read_manifest(into)
    stopped = there is not None and there.get("repeats") == run_dir.name and there["state"] != DONE
    if into.exists() and not stopped:
        raise RequestError(f"'{into}' exists already. Name a new folder with --into, or remove it.")
    try:
        inputs = sources.load(run_dir / "inputs")
    except (sources.DataError, OSError) as error:
        raise RequestError(f"The inputs of {run_dir} cannot be read: {error}") from None
    request = _request(content, run_dir.parent, folder, jobs=jobs, engine=engine, force=True, deadline_s=deadline_s)
    notebooks = read_notebooks(folder)
    plan = plan_checked(request, notebooks, inputs)
    named = {notebook.name: notebook for notebook in notebooks}
    return Prepared(request, plan, inputs, named, into.absolute(), run_dir.absolute())


def prepare_like(runs: Path, period: str, folder: Path) -> Prepared:
    """Prepare the run of a month as it was asked for last, on its data folder as it is now."""
    if manifest.read_manifest(runs / period) is None:
        raise RequestError(
            f"There is no run of '{period}' in {runs} yet. Start one with: opsanalytics run {period} --data DIR"
        )
    return prepare(_request(_run(runs / period), runs, folder, jobs=1))


def _request(content: Mapping[str, Any], runs: Path, folder: Path, **options: Any) -> Request:
    asked = content["plan"].get("asked", {})
    return Request(
        period=content["period"],
        data=Path(content["data"]),
        runs=runs,
        folder=folder,
        notebooks=tuple(asked.get("notebooks", ())),
        entities=tuple(asked.get("entities", ())),
        parameters=tuple(asked.get("set", ())),
        **options,
    )


def _run(run_dir: Path) -> dict[str, Any]:
    """Return a run's manifest. Raises RequestError where there is none, or one of an older version."""
    content = manifest.read_manifest(run_dir)
    if content is None:
        raise RequestError(f"'{run_dir}' is no run. `opsanalytics status` lists the runs.")
    if content["schema"] < manifest.SCHEMA:
        raise RequestError(f"'{run_dir}' was made by an older version, which kept less. Run its month again instead.")
    return content


def _outcome(folder: Path, content: Mapping[str, Any]) -> Outcome:
    """Return the outcome of a run that is on record."""
    jobs = {entry["id"]: manifest.state_of(entry, "") for entry in content["jobs"] if entry["state"] == DONE}
    return Outcome(folder, content["state"], jobs, content["pack"])


def _refuse_while_under_way(folder: Path, content: Mapping[str, Any]) -> None:
    """Raise RequestError when a run is under way, or was stopped or failed before its end."""
    state = manifest.state_now(content)
    if state == manifest.RUNNING:
        raise RequestError(f"The run in {folder} is under way. Wait for its end.")
    if state == manifest.INTERRUPTED:
        raise RequestError(f"The run in {folder} was stopped before its end. Run its month again: it goes on there.")
