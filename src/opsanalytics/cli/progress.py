"""A run on the screen: its plan, how far it is, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from opsanalytics.cli.said import counted, on_terminal, plural, say

if TYPE_CHECKING:
    from opsanalytics import batch


def say_plan(prepared: batch.Prepared, standing: Mapping[str, str] | None = None) -> None:
    """Say what will run; with the `standing` of the jobs each of them, and whether it is on record or why not."""
    from opsanalytics.batch import ON_RECORD, off_sentence

    plan, rows = prepared.plan, len(prepared.inputs.quarantine)
    request = prepared.request
    where = f"on the workers of {request.scheduler}" if request.scheduler else f"{request.jobs} at a time"
    kept = sum(told == ON_RECORD for told in (standing or {}).values())
    rest = f" to run, {where}" if standing is None else f", {kept:,} of them on record"
    say(f"{plan.period}: {plural(len(plan.active), 'notebook')}{rest}.")
    for off in plan.off:
        say(off_sentence(off)[0].upper() + off_sentence(off)[1:] + ".")
    if rows:
        say(f"{plural(rows, 'row')} in quarantine; `opsanalytics check` lists {'it' if rows == 1 else 'them'}.")
    labels = {job.id: job.label for job in plan.jobs}
    for job in plan.active if standing is not None else ():
        after = f"  after {', '.join(labels[need] for need in job.needs)}" if job.needs else ""
        values = "".join(f"  {name}={value!r}" for name, value in job.parameters.items())
        why = f"  ({standing[job.id]})" if standing else ""
        say(f"  {job.label}{values}{after}{why}")


def _job_line(job: batch.Job, state: batch.JobState, folder: Path) -> str:
    if state.on_record:
        return f"{job.label} · on record, unchanged"
    if state.state == "done":
        return f"{job.label} · done in {state.seconds:.1f} s"
    kept = f" See {folder / state.kept}" if state.kept else ""
    return f"{job.label} · {state.state}: {_sentence(state.reason) if kept else state.reason}{kept}"


def _sentence(text: str) -> str:
    """Return a text that ends as a sentence does, so that another can follow it."""
    return text if text.rstrip().endswith((".", "!", "?", "…")) else f"{text.rstrip()}."


@contextmanager
def progress(total: int, folder: Path) -> Iterator[batch.Report]:
    """Show how far the run in `folder` is: a bar on a terminal, a line for each finished job elsewhere."""
    if not on_terminal():

        def line(job: batch.Job, state: batch.JobState, finished: int, of: int) -> None:
            if state.state != "running":
                say(f"[{finished}/{of}] {_job_line(job, state, folder)}")

        yield line
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.text import Text

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns) as bar:
        task, running = bar.add_task("", total=total), dict[str, str]()

        def move(job: batch.Job, state: batch.JobState, finished: int, of: int) -> None:
            if state.state == "running":
                running[job.id] = job.label
            else:
                running.pop(job.id, None)
                bar.console.print(Text(_job_line(job, state, folder)))
            bar.update(task, completed=finished, description=", ".join(running.values()))

        yield move


def say_outcome(outcome: batch.Outcome, folder: Path) -> None:
    counts: dict[str, int] = {}
    for state in outcome.jobs.values():
        counts[state.state] = counts.get(state.state, 0) + 1
    if outcome.state == "interrupted":
        say(f"Stopped: {counted(counts) or 'no notebook was done'}. Start it again with the same command.")
        return
    if outcome.state == "failed":
        say(f"{counted(counts)}. Mend what failed, as said above, then run the month again.")
    for note in outcome.notes:
        say(note)
    if outcome.pack is None:
        say(f"No board pack was made. The reports lie in {folder}")
        return
    say(f"Board pack: {folder / str(outcome.pack['page'])} ({outcome.pack['status']})")
    for reason in outcome.pack.get("reasons", []):
        say(f"  {_sentence(reason['reason'])} {reason['remedy']}")
