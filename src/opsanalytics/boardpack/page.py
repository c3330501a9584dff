"""The page: the pack as one HTML file that opens offline, on a phone, in the dark and on paper.

The template escapes every text, and a content policy in the page's head forbids scripts and the
network: a name from the data can be shown, never obeyed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsanalytics.boardpack.pack import BoardPack
from opsanalytics.formats import shorten

if TYPE_CHECKING:
    import jinja2

TEMPLATE = "page.html.jinja"
_UNIT = re.compile(r"(?<=\d) (?=%|[km]?[A-Z]{3}\b)")


def html(pack: BoardPack) -> str:
    """Write the pack as one HTML file; the same pack gives the same text."""
    return _template().render(pack=pack) + "\n"


@cache
def _template() -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["shorten"] = shorten
    environment.filters["bound"] = _bound
    return environment.from_string(resources.files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8"))


def _bound(text: str) -> str:
    """Keep a number and its unit on one line."""
    return _UNIT.sub("\u00a0", text)


def save(pack: BoardPack, run_dir: str | Path) -> None:
    """Put board_pack.html and its status into a run folder; nothing when `run_dir` is empty.

    Each file is written aside and then renamed, so that none is ever seen half-written.
    """
    if not run_dir:
        return
    folder = Path(run_dir)
    status = {"status": pack.status, "reasons": [reason._asdict() for reason in pack.reasons]}
    _write(folder / "board_pack.html", html(pack))
    _write(folder / "results" / "board_pack" / "status.json", json.dumps(status, ensure_ascii=False, indent=2) + "\n")


def read_plan(run_dir: str | Path) -> Mapping[str, Any]:
    """Return the "plan" and the "jobs" of a run's manifest; nothing when `run_dir` is empty or holds none.

    Only what decides the pack's content is kept: times and durations stay out of it.
    """
    path = Path(run_dir) / "run.json"
    if not run_dir or not path.exists():
        return {}
    manifest = json.loads(path.read_text(encoding="utf-8"))
    kept = ("id", "notebook", "entity", "state", "reason")
    jobs = [{name: job.get(name, "") for name in kept} for job in manifest.get("jobs", [])]
    return {"plan": manifest.get("plan", {}), "jobs": jobs}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(text.encode("utf-8", "replace"))
    aside.replace(path)
