"""One job: what a worker is given, what it does, and what it says became of it.

A task and its end are plain values, so that a worker may be a thread here or a process on another
machine. A job writes every file aside and renames it: done twice, it leaves what it leaves once.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsanalytics.batch.folder.manifest import DONE, FAILED, JobState
from opsanalytics.batch.folder.record import Place, outputs_of
from opsanalytics.formats import shorten

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from opsanalytics.batch.execution.execute import Kernels

MOST_WARNINGS = 20
_WARNING = re.compile(r"\b\w*Warning: .+")


@dataclass(frozen=True)
class Task:
    """A notebook to execute: where it lies and where it goes, its parameters, and how long and how often to try.

    `place` is where its outputs lie in the run folder; `page` says whether its page is rendered (the board pack writes
    its own).
    """

    job: str
    source: Path
    run_folder: Path
    place: Place
    parameters: Mapping[str, Any]
    page: bool
    deadline_s: float
    attempts: int

    @property
    def target(self) -> Path:
        """Where the executed notebook goes."""
        return self.run_folder / f"{self.place.stem}.ipynb"


def run_job(task: Task, found: Kernels) -> JobState:
    """Execute a notebook, again where its process died, and render its page.

    Raises StoppedError when the run is being stopped; whatever a job itself does wrong is in the state returned.
    """
    from opsanalytics.batch.execution import execute

    begun, said = time.monotonic(), list[str]()
    target = task.target
    target.parent.mkdir(exist_ok=True)
    for attempt in range(1, task.attempts + 1):
        ended = JobState(DONE, attempts=attempt)
        shutil.rmtree(task.run_folder / task.place.results, ignore_errors=True)  # of an earlier attempt
        try:
            log = target.with_suffix(".log")
            notebook = execute.run_notebook(task.source, target, log, task.parameters, task.job, found, task.deadline_s)
            said += _warnings(notebook)
            _finish(task, notebook)
        except execute.JobError as error:
            kept = target.with_suffix(".failed.ipynb")
            place = kept.relative_to(task.run_folder).as_posix() if kept.exists() else ""
            ended = replace(ended, state=FAILED, reason=str(error), cell=error.cell, kept=place)
            if error.died and attempt < task.attempts:
                said.append(f"attempt {attempt}: {error}; tried again")
                continue
        break
    if ended.state != DONE:  # what it put on record before it failed is no result
        shutil.rmtree(task.run_folder / task.place.results, ignore_errors=True)
    seconds = round(time.monotonic() - begun, 1)
    peak = found.peak_mb(task.job)
    outputs = outputs_of(task.run_folder, task.place) if ended.state == DONE else {}
    return replace(
        ended,
        seconds=seconds,
        peak_memory_mb=None if peak is None else round(peak, 1),
        warnings=tuple(dict.fromkeys(said))[:MOST_WARNINGS],
        outputs=outputs,
    )


def _finish(task: Task, notebook: NotebookNode) -> None:
    """Render the page of a notebook that is done, and clear away what an earlier attempt has left."""
    from opsanalytics.batch.execution import render

    target = task.target
    if task.page:
        given = task.parameters
        render.write_page(notebook, target.with_suffix(".html"), period=given["period"], entity=given["entity"])
    target.with_suffix(".failed.ipynb").unlink(missing_ok=True)


def _warnings(notebook: NotebookNode) -> list[str]:
    """Return what the libraries warned of while the notebook ran: the last line of each warning on stderr."""
    texts = [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "stream" and output.name == "stderr"
    ]
    return [shorten(match[0], 200) for text in texts for match in _WARNING.finditer(text)]
