"""The commands that the pages name exist: make targets, and opsanalytics commands with their options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from opsanalytics.cli import app

PAGES = ("README.md", "CONTRIBUTING.md")


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return "\n".join((root / page).read_text(encoding="utf-8") for page in PAGES)


def test_every_make_target_named_exists_and_needs_what_is_there(root: Path, text: str) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", text, flags=re.MULTILINE))
    assert named
    assert named <= targets
    assert list((root / "benchmarks").glob("bench_*.py")), "make bench runs these"


def test_every_command_and_option_named_exists(text: str) -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    named = re.findall(r"`opsanalytics ([a-z]+)", text) + re.findall(r"^opsanalytics ([a-z]+)", text, re.MULTILINE)
    assert set(named) == set(commands)
    for line in text.splitlines():
        found = re.match(r"\| `opsanalytics ([a-z]+)", line)
        if found:
            known = {name for parameter in commands[found[1]].params for name in parameter.opts}
            assert set(re.findall(r"--[a-z-]+", line)) <= known
