"""A run once more: asked for again unchanged, asked for in the same words, or repeated from its own inputs."""

from __future__ import annotations

from collections.abc import Mapping
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
from opsanalytics.batch.run import Outcome, finished, refuse_while_under_way


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
    return finished(folder, there)


def prepare_again(
    run_dir: Path, into: Path, folder: Path, *, jobs: int, engine: str, deadline_s: float = 3600.0
) -> Prepared:
    """Prepare the repetition of a run from the inputs that it kept, with what was asked for then.

    Raises RequestError when there is no such run, when it has no inputs, or when `into` is taken.
    """
    from opsanalytics import sources

    run_dir, content = run_dir.absolute(), _finished_run(run_dir)
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
    content = manifest.read_manifest(runs / period)
    if content is None:
        raise RequestError(
            f"There is no run of '{period}' in {runs} yet. Start one with: opsanalytics run {period} --data DIR"
        )
    content = _finished_run(runs / period, any_state=True)
    return prepare(_request(content, runs, folder, jobs=1))


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


def _finished_run(run_dir: Path, *, any_state: bool = False) -> dict[str, Any]:
    content = manifest.read_manifest(run_dir)
    if content is None:
        raise RequestError(f"'{run_dir}' is no run. `opsanalytics status` lists the runs.")
    if content["schema"] < manifest.SCHEMA:
        raise RequestError(f"'{run_dir}' was made by an older version, which kept less. Run its month again instead.")
    if not any_state:
        refuse_while_under_way(run_dir, content)
    return content
