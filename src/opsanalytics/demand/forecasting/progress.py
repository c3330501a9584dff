"""Progress: a bar for work that takes long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(what: str, total: int, *, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """Give out a function that moves a bar on by so many of `total`; nothing is drawn where it is not `shown`."""
    if not shown:
        yield lambda steps: None
        return
    from rich.progress import Progress

    with Progress() as bar:
        task = bar.add_task(what, total=total)
        yield lambda steps: bar.advance(task, steps)
