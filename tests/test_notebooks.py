"""The rules for notebooks: one form, parameters that papermill can set, prose that does not go stale, outputs kept.

That the outputs are right is for nbval (`pytest --nbval-lax notebooks`): it runs the notebooks and
compares what the cells tagged `nbval-check-output` print.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from opsanalytics.batch.execution import render

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NAMES = ["01_budget_variance", "02_seasonal_demand", "03_staffing_forecast", "04_board_pack"]
MOST_LINES = 6
CHECK = "nbval-check-output"
PARAMETERS = {"period": "str", "entity": "str", "data": "str", "run_dir": "str"}
FORBIDDEN = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.Try, ast.TryStar, ast.While)
MONTH = re.compile(r"\b20\d\d\b|\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\s+\d")

Cell = dict[str, Any]


def cells_of(path: Path) -> list[Cell]:
    cells: list[Cell] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return cells


def source(cell: Cell) -> str:
    return "".join(cell["source"])


def tags(cell: Cell) -> list[str]:
    found: list[str] = cell["metadata"].get("tags", [])
    return found


def code(path: Path) -> list[Cell]:
    return [cell for cell in cells_of(path) if cell["cell_type"] == "code"]


def prose(path: Path) -> list[str]:
    return [source(cell) for cell in cells_of(path) if cell["cell_type"] == "markdown"]


def printed(cell: Cell) -> str:
    return "".join("".join(output.get("text", "")) for output in cell["outputs"])


def every(rule: Any) -> Any:
    """Hold a rule for each notebook."""
    return pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)(rule)


def test_the_four_notebooks_are_there() -> None:
    assert [path.stem for path in NOTEBOOKS] == NAMES


# Form


@every
def test_a_notebook_opens_with_question_parameters_imports_and_reading(path: Path) -> None:
    cells = cells_of(path)
    assert [cell["cell_type"] for cell in cells[:6]] == ["markdown", "code", "code", "code", "markdown", "code"]
    assert source(cells[0]).startswith("# ")
    assert "?" in source(cells[0])
    assert "docs/methods.md" in source(cells[0])
    assert tags(cells[1]) == ["parameters"]
    assert all(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.parse(source(cells[2])).body)
    assert "sources.read(data, run_dir)" in source(cells[3])


@every
def test_the_answer_comes_first_and_is_checked(path: Path) -> None:
    answer, sentence = cells_of(path)[4:6]
    assert source(answer).startswith("## Answer")
    assert CHECK in tags(sentence)
    assert source(sentence).startswith("print(")


@every
def test_a_heading_asks_a_question(path: Path) -> None:
    headings = [line for text in prose(path) for line in text.splitlines() if line.startswith("#")]
    assert len([line for line in headings if line.startswith("# ")]) == 1
    assert [line for line in headings if line.startswith("###")] == []
    fixed = {"## Answer", "## What this does not say"}
    assert [line for line in headings[1:] if line not in fixed and not line.endswith("?")] == []


@every
def test_a_notebook_closes_with_its_proof_its_limits_and_saving(path: Path) -> None:
    cells = cells_of(path)
    headings = [source(cell).splitlines()[0] for cell in cells if cell["cell_type"] == "markdown"]
    assert headings[-2:] == ["## Does it add up?", "## What this does not say"]
    proof = [source(cell).startswith("## Does it add up?") for cell in cells].index(True)
    between = cells[proof + 1 : -2]
    assert between
    assert {cell["cell_type"] for cell in between} == {"code"}
    assert cells[-2]["cell_type"] == "markdown"
    assert "(../docs/assumptions.md)" in source(cells[-2])
    assert re.fullmatch(r"(results|boardpack)\.save\(\w+, run_dir\)", source(cells[-1]))


@every
def test_saving_is_the_only_side_effect(path: Path) -> None:
    calls = [source(cell) for cell in code(path)[:-1]]
    writes = re.compile(r"\.save\(|\.to_\w+\(|\.write|open\(|savefig|mkdir|os\.|subprocess")
    assert [text for text in calls if writes.search(text)] == []


# Parameters


@every
def test_there_is_one_parameters_cell_of_typed_literals_with_a_comment_each(path: Path) -> None:
    (cell,) = [cell for cell in code(path) if "parameters" in tags(cell)]
    lines = source(cell).splitlines()
    found = {}
    for line, node in zip(lines, ast.parse(source(cell)).body, strict=True):
        assert isinstance(node, ast.AnnAssign)
        assert isinstance(node.target, ast.Name)
        assert node.value is not None
        ast.literal_eval(node.value)
        assert len(line.split("  # ", 1)) == 2, f"{line} has no comment that says what it is"
        found[node.target.id] = ast.unparse(node.annotation)
    assert found == {**PARAMETERS, **found}
    assert list(found)[: len(PARAMETERS)] == list(PARAMETERS)


@every
def test_a_notebook_runs_on_the_sample_as_it_stands_and_writes_nothing(path: Path) -> None:
    (cell,) = [cell for cell in code(path) if "parameters" in tags(cell)]
    values = {n.target.id: ast.literal_eval(n.value) for n in ast.parse(source(cell)).body}  # type: ignore[attr-defined]
    assert values["data"] == "../data/sample"
    assert values["entity"] == "(all)"
    assert values["run_dir"] == ""


# Cells


@every
def test_a_cell_is_a_few_plain_lines(path: Path) -> None:
    for cell in code(path):
        text = source(cell)
        assert text.strip(), f"cell {cell['id']} is empty"
        assert len(text.splitlines()) <= MOST_LINES, f"cell {cell['id']} is long"
        assert not re.search(r"^\s*[%!?]", text, re.MULTILINE), f"cell {cell['id']} has a magic"
        nodes = list(ast.walk(ast.parse(text)))
        assert not any(isinstance(node, FORBIDDEN) for node in nodes), f"cell {cell['id']} defines or hides something"
        assert not re.search(r"\bwarnings\b|set_option|rcParams", text), f"cell {cell['id']} changes the session"


@every
def test_a_notebook_imports_from_the_package_but_never_the_batch(path: Path) -> None:
    imported = set()
    for cell in code(path):
        for node in ast.walk(ast.parse(source(cell))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported |= {f"{node.module}.{alias.name}" for alias in node.names}
    assert {name.split(".")[0] for name in imported} == {"opsanalytics"}
    assert not {"opsanalytics.batch", "opsanalytics.cli"} & imported


@every
def test_no_name_of_a_month_or_year_stands_outside_the_parameters(path: Path) -> None:
    assert [text for text in prose(path) if MONTH.search(text)] == []
    assert [source(cell) for cell in code(path) if "parameters" not in tags(cell) and MONTH.search(source(cell))] == []


@every
def test_links_lead_to_pages_of_the_project(path: Path) -> None:
    targets = [target for text in prose(path) for target in re.findall(r"\]\(([^)#]+)", text)]
    assert [target for target in targets if not (FOLDER / target).exists()] == []


# Outputs


@every
def test_outputs_are_kept_from_one_run_from_top_to_bottom(path: Path) -> None:
    cells = code(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))


@every
def test_each_check_cell_holds_what_it_printed(path: Path) -> None:
    checks = [cell for cell in code(path) if CHECK in tags(cell)]
    assert checks
    for cell in checks:
        assert source(cell).splitlines()[-1].startswith("print(")
        assert printed(cell).strip(), f"cell {cell['id']} was stripped of its output"


@every
def test_no_output_is_an_error_a_warning_or_an_object_without_a_face(path: Path) -> None:
    for cell in code(path):
        for output in cell["outputs"]:
            assert output["output_type"] != "error", cell["id"]
            assert output.get("name") != "stderr", cell["id"]
            shown = "".join(output.get("data", {}).get("text/plain", ""))
            assert " object at 0x" not in shown, cell["id"]


@every
def test_what_is_stored_is_the_same_on_every_machine(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in ids)
    for cell in notebook["cells"]:
        assert set(cell["metadata"]) <= {"tags"}, cell["id"]
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|tmp|work|Users)/", text)


# The report made from a notebook


@every
def test_a_report_names_the_whole_as_people_do_and_pages_it_does_not_hold_as_the_projects(
    path: Path, tmp_path: Path
) -> None:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # nbformat's own gap
    render.write_page(notebook, tmp_path / "page.html", period="2026-10", entity="(all)")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<p>Oct 2026 · all sites</p>" in page
    assert "docs/methods.md of the project" in page
    charts = page.count("<img ")
    assert len(re.findall(r'<div class="wide drawn">\s*<img ', page)) == charts
    assert ".drawn img { min-width: 40rem; }" in page  # on a narrow screen a chart scrolls, as a wide table does
    assert not re.search(r'<div class="wide"[^>]*>\s*(<div>)?\s*(</div>)', page), "a box without a table"
