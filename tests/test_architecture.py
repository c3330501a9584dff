"""The import rule: modules import from layers below their own, never sideways and never up."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "opsanalytics"
LAYERS = [
    {"periods", "formats"},
    {"schemas", "accuracy"},
    {"settings"},
    {"sources", "sample", "budget", "demand", "staffing"},
    {"results", "charts", "tables"},
    {"boardpack"},
    {"batch"},
    {"cli"},
    {"__main__"},
]
LEVEL = {module: level for level, layer in enumerate(LAYERS) for module in layer}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """The module, or the folder of modules, that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """The package's modules that a file imports, anywhere in it, those for type checking included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively: write the whole name"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "opsanalytics" and len(parts) > 1 and not parts[1].startswith("__"):
                found.add(parts[1])
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down_only(path: Path) -> None:
    me = room(path)
    if me == "__init__":
        assert imported_rooms(path) == set()
        return
    for other in imported_rooms(path) - {me}:
        assert LEVEL[other] < LEVEL[me], f"{path.name} ({me}) imports {other}, which is not below it"


def test_every_module_has_its_place_in_the_layers() -> None:
    assert {room(path) for path in FILES} - {"__init__"} == set(LEVEL)


def test_a_sideways_import_would_be_found(tmp_path: Path) -> None:
    probe = tmp_path / "probe.py"
    probe.write_text("from opsanalytics import demand\nfrom opsanalytics.results import save\n", encoding="utf-8")
    assert imported_rooms(probe) == {"demand", "results"}


def test_importing_the_command_line_loads_nothing_heavy(run_python: object) -> None:
    heavy = ("pandas", "numpy", "prophet", "duckdb", "papermill", "nbformat", "matplotlib")
    code = f"import sys, opsanalytics.cli; print([name for name in {heavy} if name in sys.modules])"
    assert run_python(code) == "[]"  # type: ignore[operator]
