"""The batch: what a request may ask for, which jobs it makes, and what a run leaves behind.

The runs here are real: papermill, this interpreter's kernels, small notebooks written below.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

import opsanalytics
from opsanalytics import batch, results, sources
from opsanalytics.batch.execution import execute, render
from opsanalytics.batch.execution.environment import kernel_environment
from opsanalytics.batch.folder import foresight, manifest
from opsanalytics.batch.folder.process import identity
from opsanalytics.batch.planning.notebooks import read_notebook, settings_of, typed
from opsanalytics.batch.run import alone
from opsanalytics.demand.value.record import carried_over
from opsanalytics.periods import Calendar
from opsanalytics.sources import Inputs

PARAMETERS = """period: str = "2026-01"  # reporting month, YYYY-MM
entity: str = "(all)"  # site or (all)
data: str = "data"  # folder of tables
run_dir: str = ""  # run folder"""
Notebooks = tuple[batch.Notebook, ...]
VARIANCE, DEMAND, STAFFING, PACK = "01_budget_variance", "02_seasonal_demand", "03_staffing_forecast", "04_board_pack"

PACK_CODE = """import json, pathlib
jobs = json.loads(pathlib.Path(run_dir, "run.json").read_text(encoding="utf-8"))["jobs"]
seen = {job["id"]: [job["state"], job["reason"]] for job in jobs}
pathlib.Path(run_dir, "seen.json").write_text(json.dumps(seen), encoding="utf-8")
folder = pathlib.Path(run_dir, "results", "board_pack")
folder.mkdir(parents=True, exist_ok=True)
status = {"status": "DRAFT", "reasons": [{"reason": "It is a test.", "remedy": "Wait."}]}
(folder / "status.json").write_text(json.dumps(status), encoding="utf-8")"""


def write_notebook(path: Path, *cells: str, title: str = "A report", parameters: str = PARAMETERS) -> Path:
    """Write a notebook with a parameters cell; a cell that begins with "#" is text. Its kernel exists nowhere."""
    v4 = nbformat.v4
    made = [v4.new_markdown_cell(f"# {title}"), v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    made += [v4.new_markdown_cell(cell) if cell.startswith("#") else v4.new_code_cell(cell) for cell in cells]
    kernel = {"name": "a-kernel-of-another-machine", "display_name": "Other", "language": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(v4.new_notebook(cells=made, metadata={"kernelspec": kernel}), path)
    return path


def write_notebooks(folder: Path, **cells: str) -> Path:
    """Write the four notebooks, each with one cell of code; those not given print their entity."""
    for name in (VARIANCE, DEMAND, STAFFING, PACK):
        write_notebook(
            folder / f"{name}.ipynb", cells.get(name, PACK_CODE if name == PACK else "print(period, entity)")
        )
    return folder


def write_data(
    folder: Path, *, driver: str = "", demand: tuple[str, ...] = ("Cork", "Dublin"), **left_out: bool
) -> Path:
    """Write a month of a company with two sites; tables named in `left_out` are not written."""
    tables = {
        "accounts": "account,name,type,pl_line,behaviour,driver\n"
        f"400,Sales,revenue,Sales,variable,\n600,Pay,cost,Pay,fixed,{driver}\n",
        "sites": "site,name\nCork,Cork\nDublin,Dublin\n",
        "cost_centres": "cost_centre,valid_from,name,department,site\n"
        "C1,2025-01-01,One,Ops,Cork\nC2,2025-01-01,Two,Ops,Dublin\n",
        "ledger": "document,line,posted_on,period,cost_centre,account,amount\n"
        "D1,1,2026-01-31,2026-01,C1,400,100.00\nD2,1,2026-01-31,2026-01,C2,600,50.00\n",
        "budget": "version,period,cost_centre,account,amount\noriginal,2026-01,C1,400,90.00\n",
        "services": "service,name,unit\ncalls,Calls,calls\n",
        "demand": "ds,site,service,volume\n"
        + "".join(f"2026-01-{day:02d},{s},calls,5\n" for s in demand for day in range(1, 32)),
        "standards": "site,service,method,units_per_hour,hours_per_fte,shrinkage,wage_rate\n"
        "Cork,calls,workload,10,160,0.3,20.00\nDublin,calls,workload,10,160,0.3,20.00\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in tables.items():
        if name not in left_out:
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def prepare(tmp_path: Path, folder: Path, **options: Any) -> batch.Prepared:
    """Prepare a run of January 2026."""
    data = write_data(tmp_path / "data")
    return batch.prepare(batch.Request("2026-01", data, tmp_path / "runs", folder, jobs=2, **options))


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory: pytest.TempPathFactory) -> Notebooks:
    """The four notebooks."""
    return batch.read_notebooks(write_notebooks(tmp_path_factory.mktemp("notebooks")))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The whole company's checked tables."""
    return batch.read_data(write_data(tmp_path_factory.mktemp("company")))


def plan(known: Notebooks, inputs: Inputs, period: str = "2026-01", **options: Any) -> batch.Plan:
    """Plan a run of what `options` ask for."""
    return batch.make_plan(batch.Request(period, Path("d"), Path("r"), Path("n"), **options), known, inputs)


def without(inputs: Inputs, *tables: str) -> Inputs:
    """The same inputs without some of the small tables."""
    return replace(inputs, tables={name: frame for name, frame in inputs.tables.items() if name not in tables})


# ------------------------------------------------------------------ parameters and notebooks


def test_parameters_are_read_from_the_notebooks_own_cell(tmp_path: Path) -> None:
    path = write_notebook(
        tmp_path / "05_more.ipynb", parameters='rate: float = 0.5  # share "a" of b\nn = 3\nname: str | None = None'
    )
    found = [(p.name, p.type, p.default, p.meaning) for p in read_notebook(path).parameters]
    assert found == [("rate", "float", 0.5, 'share "a" of b'), ("n", "int", 3, ""), ("name", "str | None", None, "")]


def test_two_parameters_cells_are_refused_since_the_second_would_win(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "05_more.ipynb", "period = '2020-01'")
    notebook = nbformat.read(path, 4)
    notebook.cells[2].metadata["tags"] = ["parameters"]
    nbformat.write(notebook, path)
    with pytest.raises(batch.RequestError, match="2 cells tagged 'parameters'"):
        read_notebook(path)


def test_a_parameter_computed_from_another_is_refused_since_it_would_keep_its_default(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "05_more.ipynb", parameters='month = "2026-01"\nyear = month[:4]')
    with pytest.raises(batch.RequestError, match="one literal a line"):
        read_notebook(path)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("str", "12", "12"),
        ("int", "12", 12),
        ("float", "1e-2", 0.01),
        ("bool", "no", False),
        ("int | None", "none", None),
        ("list", "[1, 2]", [1, 2]),
    ],
)
def test_a_value_takes_the_parameters_type(kind: str, text: str, expected: object) -> None:
    value = typed(batch.Parameter("x", kind, [] if kind == "list" else None, ""), text)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(("kind", "text"), [("int", "1.5"), ("float", "nan"), ("bool", "maybe"), ("list", "(1, 2)")])
def test_a_value_of_another_type_is_refused(kind: str, text: str) -> None:
    with pytest.raises(batch.RequestError, match="Parameter x takes"):
        typed(batch.Parameter("x", kind, [] if kind == "list" else None, ""), text)


def test_an_unknown_parameter_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "05_more.ipynb", parameters="horizon: int = 12\nlevel: float = 0.8")
    with pytest.raises(batch.RequestError, match=r"no parameter 'horizn'\. The nearest is horizon"):
        settings_of(("horizn=3",), (read_notebook(path),))


def test_a_parameter_that_the_run_gives_cannot_be_set(notebooks: Notebooks) -> None:
    with pytest.raises(batch.RequestError, match="--set period is given by the run itself"):
        settings_of(("period=2020-01",), notebooks)


def test_a_notebook_without_the_runs_parameters_is_refused(tmp_path: Path) -> None:
    folder = write_notebooks(tmp_path / "notebooks")
    write_notebook(
        folder / f"{VARIANCE}.ipynb", parameters='period: str = "2026-01"\ndata: str = ""\nrun_dir: str = ""'
    )
    with pytest.raises(batch.RequestError, match=f"{VARIANCE} has no parameter entity"):
        prepare(tmp_path, folder)


@pytest.mark.parametrize(
    "name", ["02", "2", "02_seasonal_demand", "seasonal_demand", "seasonal-demand", "02_Seasonal_Demand.ipynb"]
)
def test_a_notebook_is_named_by_number_or_by_name(notebooks: Notebooks, name: str) -> None:
    assert batch.find(name, notebooks).name == DEMAND


def test_an_unknown_notebook_is_refused_with_the_nearest(notebooks: Notebooks) -> None:
    with pytest.raises(batch.RequestError, match=r"no notebook 'budget_varience'\. The nearest is budget_variance"):
        batch.find("budget_varience", notebooks)


def test_notebooks_are_those_given_else_those_here_else_those_the_package_came_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = root / "src" / "opsanalytics" / "notebooks"
    assert batch.notebooks_folder() == (shipped if shipped.exists() else root / "notebooks")
    here, given = write_notebooks(tmp_path / "notebooks"), write_notebooks(tmp_path / "mine")
    assert batch.notebooks_folder() == here
    assert batch.notebooks_folder("mine") == given


def test_a_package_without_notebooks_says_where_they_were_sought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "opsanalytics.batch.planning.notebooks.__file__", str(tmp_path / "lib" / "p" / "opsanalytics" / "b" / "n")
    )
    with pytest.raises(
        batch.RequestError, match=r"There is no notebook .* in \./notebooks nor in the installed package"
    ):
        batch.notebooks_folder()


# ------------------------------------------------------------------ the plan


def needs(plan: batch.Plan) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """The plan's running jobs and what each comes after."""
    jobs = {job.id: (job.notebook, job.entity) for job in plan.jobs}
    return {jobs[job.id]: {jobs[need] for need in job.needs} for job in plan.active}


def test_each_job_comes_after_what_it_needs(notebooks: Notebooks, company: Inputs) -> None:
    found = needs(plan(notebooks, company))
    assert found == {
        (DEMAND, "Cork"): set(),
        (DEMAND, "Dublin"): set(),
        (DEMAND, "(all)"): {(DEMAND, "Cork"), (DEMAND, "Dublin")},
        (STAFFING, "Cork"): {(DEMAND, "Cork")},
        (STAFFING, "Dublin"): {(DEMAND, "Dublin")},
        (STAFFING, "(all)"): {(DEMAND, "(all)"), (STAFFING, "Cork"), (STAFFING, "Dublin")},
        (VARIANCE, "Cork"): set(),
        (VARIANCE, "Dublin"): set(),
        (VARIANCE, "(all)"): set(),
        (PACK, "(all)"): set(found) - {(PACK, "(all)")},
    }


def test_the_plan_lists_no_job_before_what_it_needs(notebooks: Notebooks, company: Inputs) -> None:
    seen: set[str] = set()
    for job in plan(notebooks, company).jobs:
        assert set(job.needs) <= seen
        seen.add(job.id)


def test_staffing_comes_before_the_budget_only_where_it_drives_an_account(tmp_path: Path, notebooks: Notebooks) -> None:
    driven = batch.read_data(write_data(tmp_path, driver="staffing"))
    assert needs(plan(notebooks, driven))[VARIANCE, "Cork"] == {(STAFFING, "Cork")}
    assert needs(plan(notebooks, without(driven, "standards")))[VARIANCE, "Cork"] == set()


def test_with_one_site_the_notebooks_run_once_and_the_pack_after_them(tmp_path: Path, notebooks: Notebooks) -> None:
    left_out = dict.fromkeys(("ledger", "sites", "cost_centres", "standards", "budget"), True)
    one_site = batch.read_data(write_data(tmp_path, demand=("Cork",), **left_out))
    assert set(needs(plan(notebooks, one_site))) == {(DEMAND, "Cork"), (PACK, "(all)")}
    assert set(needs(plan(notebooks, one_site, entities=("(all)",)))) == {(DEMAND, "Cork"), (PACK, "(all)")}


def test_a_notebook_without_its_tables_is_off_and_says_why(notebooks: Notebooks, company: Inputs) -> None:
    found = plan(notebooks, without(company, "budget", "accounts"))
    assert [batch.off_sentence(off) for off in found.off] == ["budget variance is off: no accounts or budget"]
    assert VARIANCE not in {job.notebook for job in found.active}


def test_a_site_without_demand_has_no_demand_notebook_and_the_others_do(tmp_path: Path, notebooks: Notebooks) -> None:
    found = plan(notebooks, batch.read_data(write_data(tmp_path, demand=("Cork",))))
    assert {job.entity for job in found.active if job.notebook == DEMAND} == {"Cork", "(all)"}
    assert "seasonal demand is off for Dublin: no demand up to the month" in map(batch.off_sentence, found.off)


def test_what_was_not_asked_for_is_not_run_and_is_no_reason_of_the_data(notebooks: Notebooks, company: Inputs) -> None:
    found = plan(notebooks, company, entities=("Cork",), notebooks=("02", "04"))
    assert set(needs(found)) == {(DEMAND, "Cork"), (PACK, "(all)")}
    assert found.off == []


def test_a_month_without_data_is_refused_and_names_the_months_held(notebooks: Notebooks, company: Inputs) -> None:
    with pytest.raises(batch.RequestError, match=r"no data for 2027-01\. The data hold 2026-01 to 2026-01"):
        plan(notebooks, company, "2027-01")


def test_an_unknown_entity_is_refused_with_the_nearest(notebooks: Notebooks, company: Inputs) -> None:
    with pytest.raises(batch.RequestError, match=r"no entity 'Dubln'\. The nearest is Dublin"):
        plan(notebooks, company, entities=("Dubln",))


def test_a_run_of_nothing_is_refused_and_says_what_is_missing(notebooks: Notebooks, company: Inputs) -> None:
    with pytest.raises(batch.RequestError, match="Nothing can be run: budget variance is off: no budget"):
        plan(notebooks, without(company, "budget"), notebooks=("01", "04"))


def test_no_entitys_folder_bears_the_name_of_a_folder_of_the_run() -> None:
    from opsanalytics.batch.planning.plan import _folders

    folders = _folders(["Inputs", "Results", "../..", "all", "(all)"])
    assert len(set(folders.values())) == 5
    assert not {"inputs", "results", ""} & set(folders.values())
    assert all(re.fullmatch(r"[a-z0-9-]+", folder) for folder in folders.values())


# ------------------------------------------------------------------ executing


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> batch.Outcome:
    """A run where a cell of Cork's demand fails and the kernel of Dublin's staffing is killed."""
    tmp_path = tmp_path_factory.mktemp("faulty {run}")
    kill = "import os, signal\nif entity == 'Dublin':\n    os.kill(os.getpid(), signal.SIGKILL)"
    cells = {DEMAND: "if entity == 'Cork':\n    raise ValueError('no <b>rows</b>')", STAFFING: kill}
    folder = write_notebooks(tmp_path / "notebooks", **cells)
    return batch.run(prepare(tmp_path, folder), lambda *said: None)


def states(outcome: batch.Outcome) -> dict[str, str]:
    """Each job's state, as the run says."""
    return {name: state.state for name, state in outcome.jobs.items()}


def test_one_failure_stops_only_what_needs_it(faulty: batch.Outcome) -> None:
    assert faulty.state == "failed"
    assert states(faulty) == {
        f"{DEMAND} Cork": "failed",
        f"{DEMAND} Dublin": "done",
        f"{DEMAND} (all)": "skipped",
        f"{STAFFING} Cork": "skipped",
        f"{STAFFING} Dublin": "failed",
        f"{STAFFING} (all)": "skipped",
        f"{VARIANCE} Cork": "done",
        f"{VARIANCE} Dublin": "done",
        f"{VARIANCE} (all)": "done",
        f"{PACK} (all)": "done",
    }
    assert faulty.jobs[f"{STAFFING} Cork"].reason == f"it needs {DEMAND} · Cork, which failed"


def test_a_failure_names_the_cell_and_the_error(faulty: batch.Outcome) -> None:
    failed = faulty.jobs[f"{DEMAND} Cork"]
    assert failed.reason == "code cell 3: ValueError: no <b>rows</b>"  # after the parameters and those injected
    assert failed.cell == 3
    assert failed.kept == f"cork/{DEMAND}.failed.ipynb"
    kept = nbformat.read(faulty.folder / failed.kept, 4)
    assert any("ValueError" in str(cell.get("outputs", "")) for cell in kept.cells)
    assert not (faulty.folder / "cork" / f"{DEMAND}.ipynb").exists()


def test_a_killed_kernel_is_a_failure_whatever_papermills_metadata_say(faulty: batch.Outcome) -> None:
    killed = faulty.jobs[f"{STAFFING} Dublin"]
    assert killed.state == "failed"
    said = (
        "its Python process was killed in code cell 3 (signal 9, SIGKILL, often for want of memory; it had held up to "
    )
    assert re.fullmatch(re.escape(said) + r"\d+ MB\)", killed.reason)
    assert killed.attempts == 2
    assert len(killed.warnings) == 1
    assert killed.warnings[0].startswith("attempt 1: its Python process was killed")
    assert killed.peak_memory_mb is not None
    assert killed.peak_memory_mb > 20
    assert not (faulty.folder / "dublin" / f"{STAFFING}.html").exists()


def test_the_manifest_says_what_became_of_each_job(faulty: batch.Outcome) -> None:
    content = manifest.read_manifest(faulty.folder)
    assert content is not None
    assert {job["id"]: job["state"] for job in content["jobs"]} == states(faulty)
    assert content["state"] == "failed"
    assert content["plan"]["folders"] == {"Cork": "cork", "Dublin": "dublin", "(all)": "all"}
    assert {file["table"] for file in content["plan"]["inputs"]} >= {"ledger", "demand"}
    assert {"python", "pandas", "papermill"} <= content["plan"]["versions"].keys()
    assert content["plan"]["versions"]["opsanalytics"] == opsanalytics.__version__
    assert not {"seconds", "started", "finished"} & content["plan"].keys()


def test_the_pack_runs_last_and_reads_what_became_of_the_others(faulty: batch.Outcome) -> None:
    seen = json.loads((faulty.folder / "seen.json").read_text(encoding="utf-8"))
    assert seen[f"{DEMAND} Cork"] == ["failed", "code cell 3: ValueError: no <b>rows</b>"]
    assert seen[f"{STAFFING} (all)"][0] == "skipped"
    assert seen[f"{PACK} (all)"][0] == "running"
    assert faulty.pack == {
        "page": "board_pack.html",
        "status": "DRAFT",
        "reasons": [{"reason": "It is a test.", "remedy": "Wait."}],
    }


def test_the_run_folder_holds_the_designs_files_and_no_half_written_one(faulty: batch.Outcome) -> None:
    for name in (
        "run.json",
        "inputs",
        "inputs/prior",
        "quarantine.csv",
        "figures.parquet",
        "forecasts.parquet",
        "board_pack.ipynb",
    ):
        assert (faulty.folder / name).exists(), name
    assert not [path.name for path in faulty.folder.rglob("*") if ".part" in path.name]


def test_the_executed_notebook_opens_with_this_interpreters_kernel(faulty: batch.Outcome) -> None:
    notebook = nbformat.read(faulty.folder / "cork" / f"{VARIANCE}.ipynb", 4)
    assert notebook.metadata.kernelspec.name == "python3"
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == [1, 2, 3]
    assert notebook.cells[-1].outputs[0].text == "2026-01 Cork\n"


def test_no_kernel_and_no_temporary_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_notebook(tmp_path / "05_more.ipynb", "import os, tempfile\ntempfile.mkstemp()\nprint(os.getpid())")
    with execute.kernels() as found:
        notebook = execute.run_notebook(path, tmp_path / "out.ipynb", tmp_path / "out.log", {}, "a job", found, 60)
    assert not found.folder.exists()
    assert identity(int(notebook.cells[-1].outputs[0].text)) is None


def test_a_notebook_that_exits_before_its_end_is_no_success(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "05_more.ipynb", "import sys\nsys.exit(0)", "print('the answer')")
    with execute.kernels() as found, pytest.raises(execute.JobError, match="stopped before its code cell"):
        execute.run_notebook(path, tmp_path / "out.ipynb", tmp_path / "out.log", {}, "a job", found, 60)


def test_a_kernel_imports_the_package_that_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "src")
    paths = kernel_environment(tmp_path)["PYTHONPATH"].split(os.pathsep)
    assert str(Path("src").absolute()) in paths
    assert all(Path(path).is_absolute() for path in paths)


# ------------------------------------------------------------------ the run folder over time


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder: January run, then run again, then February."""
    tmp_path = tmp_path_factory.mktemp("months")
    data, folder = (
        write_data(tmp_path / "data", ledger=True, demand=("Cork",), sites=True, cost_centres=True),
        tmp_path / "notebooks",
    )
    with (data / "demand.csv").open("a", encoding="utf-8") as file:
        file.write("2026-02-01,Cork,calls,5\n")
    (data / "actions.csv").write_text(
        "id,entity,kind,text,owner,due_on,state\nA1,Cork,action,Hire two,Ann,2026-03-01,open\n", encoding="utf-8"
    )
    write_notebooks(folder)
    for period in ("2026-01", "2026-01", "2026-02"):
        request = batch.Request(period, data, tmp_path / "runs", folder, notebooks=("02",), jobs=2, force=True)
        batch.run(batch.prepare(request), lambda *said: None)
    return tmp_path / "runs"


def test_a_new_run_moves_the_old_one_aside(months: Path) -> None:
    assert {path.name for path in months.iterdir()} == {
        "2026-01",
        "2026-01.1",
        "2026-02",
        "index.html",
        ".changes.json",
    }
    first, second = manifest.read_manifest(months / "2026-01.1"), manifest.read_manifest(months / "2026-01")
    assert first is not None
    assert second is not None
    assert first["started"] <= second["started"]


def test_a_run_keeps_what_it_takes_from_the_latest_run_of_an_earlier_month(months: Path) -> None:
    content = manifest.read_manifest(months / "2026-02")
    assert content is not None
    assert content["plan"]["prior"] == "2026-01"
    kept = {path.name for path in (months / "2026-02" / "inputs" / "prior").iterdir()}
    names = ("figures", "forecasts", "actions", "run")  # no notebook made an outlook
    assert kept == {f"{name}.parquet" for name in names}
    assert list((months / "2026-01" / "inputs" / "prior").iterdir()) == []


FORECASTING = """from opsanalytics import results, sources
results.save(results.forecast(sources.read(data, run_dir), period, entity, run_dir), run_dir)"""
PLANNED = "site,service,period,volume,author,reason\n"


@pytest.fixture(scope="module")
def three_months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of March, April and May 2026 with real forecasts, dated 3 April, 20 May and now.

    The override of April stood in the first, and was raised before the second; that of May came with the second.
    """
    tmp_path = tmp_path_factory.mktemp("three months")
    folder = write_notebooks(tmp_path / "notebooks", **{DEMAND: FORECASTING})
    data = write_data(tmp_path / "data", ledger=True, budget=True, cost_centres=True, accounts=True, standards=True)
    volumes = [
        (f"{year}-{month:02d}", 100 + 5 * month + year - 2023) for year in (2024, 2025) for month in range(1, 13)
    ]
    volumes += [(f"2026-{month:02d}", 103 + 5 * month) for month in range(1, 6)]
    rows = [f"{month}-01,Cork,calls,{volume}\n" for month, volume in volumes]
    (data / "demand.csv").write_text("ds,site,service,volume\n" + "".join(rows), encoding="utf-8")
    april, raised, may = (f"Cork,calls,2026-{m},{v},Ann,campaign\n" for m, v in (("04", 130), ("04", 150), ("05", 120)))
    runs = tmp_path / "runs"
    for period, planned, started in (
        ("2026-03", april, "2026-04-03T08:00:00+00:00"),
        ("2026-04", raised + may, "2026-05-20T08:00:00+00:00"),
        ("2026-05", raised + may, ""),
    ):
        (data / "overrides.csv").write_text(PLANNED + planned, encoding="utf-8")
        request = batch.Request(period, data, runs, folder, notebooks=("02",), jobs=1)
        assert batch.run(batch.prepare(request), lambda *said: None).state == "done"
        content = manifest.read_manifest(runs / period)
        assert content is not None
        manifest.write_json(runs / period / manifest.FILE, content | ({"started": started} if started else {}))
    return runs


def kept_record(run: Path) -> pd.DataFrame:
    return pd.read_parquet(run / "inputs" / "prior" / "demand_record.parquet")


def forecast_of(run: Path, month: str) -> float:
    """What a run forecast for a month of Cork's calls."""
    rows = pd.read_parquet(run / "forecasts.parquet")
    rows = rows[(rows["site"] == "Cork") & (rows["ds"] == pd.Timestamp(f"{month}-01")) & ~rows["reconstructed"]]
    return float(rows["yhat"].item())


def test_the_record_of_demand_grows_from_run_to_run(three_months: Path) -> None:
    second, third = (kept_record(three_months / period) for period in ("2026-04", "2026-05"))
    assert not (three_months / "2026-03" / "inputs" / "prior" / "demand_record.parquet").exists()
    assert second["cutoff"].unique().tolist() == [pd.Timestamp("2026-03-31")]
    assert third["cutoff"].sort_values().unique().tolist() == [pd.Timestamp("2026-03-31"), pd.Timestamp("2026-04-30")]
    pd.testing.assert_frame_equal(third[third["cutoff"] == "2026-03-31"].reset_index(drop=True), second)


def test_a_month_is_scored_with_the_forecast_of_the_run_before_it_exactly(three_months: Path) -> None:
    for period, before, actual in (("2026-04", "2026-03", 123), ("2026-05", "2026-04", 128)):
        run = three_months / period
        value = results.forecast_value(sources.load(run / "inputs"), period, "Cork", run)
        row = value.months[value.months["period"] == period].iloc[0]
        assert row["forecast"] == forecast_of(three_months / before, period)
        assert row["actual"] == actual
        assert row["forecast_error"] == actual - row["forecast"]
        assert row["naive_error"] == actual - (actual - 1)  # a year before it was one less
    assert value.months["period"].tolist() == ["2026-04", "2026-05"]
    assert value.months["lead"].tolist() == [1, 1]


def test_an_override_counts_as_it_stood_before_its_month_and_not_when_it_came_later(three_months: Path) -> None:
    inputs = sources.load(three_months / "2026-05" / "inputs")
    value = results.forecast_value(inputs, "2026-05", "Cork")
    found = value.overrides.set_index("period")
    assert found["override"].to_dict() == {"2026-04": 130, "2026-05": 120}
    assert found["entered"].to_dict() == {"2026-04": "before its month", "2026-05": "after its month began"}
    assert found["on_record"].tolist() == [pd.Timestamp("2026-04-03 08:00"), pd.Timestamp("2026-05-20 08:00")]
    assert found.loc["2026-04", "override_error"] == 123 - 130
    assert pd.isna(found.loc["2026-05", "override_error"])
    assert value.by_author[["overrides", "scored"]].to_numpy().tolist() == [[2, 1]]
    assert [note for note in value.notes if "Apr 2026" in note] == [
        "calls at Cork, Apr 2026: the override on record is 130; the table now says 150. The one on record counts."
    ]


def test_the_whole_of_one_site_is_scored_like_the_site(three_months: Path) -> None:
    inputs = sources.load(three_months / "2026-05" / "inputs")
    site, whole = (results.forecast_value(inputs, "2026-05", e, three_months / "2026-05") for e in ("Cork", "(all)"))
    assert whole.months["site"].unique().tolist() == ["(all)"]
    columns = ["period", "actual", "forecast", "naive", "override_error", "forecast_value_added"]
    pd.testing.assert_frame_equal(whole.months[columns], site.months[columns])
    pd.testing.assert_frame_equal(whole.overrides, site.overrides)


def an_earlier_run(
    runs: Path, name: str, started: str, forecasts: pd.DataFrame, **settings: object
) -> foresight.Earlier:
    """Write a finished run that left forecasts, made with a calendar of its own on request."""
    (runs / name / "inputs" / "prior").mkdir(parents=True)
    forecasts.to_parquet(runs / name / "forecasts.parquet", index=False)
    manifest.write_json(runs / name / "inputs" / "settings.json", {"calendar": settings})
    return foresight.Earlier(runs / name, name[:7], dt.datetime.fromisoformat(started))


def one_forecast(site: str, cutoff: str, month: str, yhat: float) -> pd.DataFrame:
    """A forecast of one month of a site's calls."""
    row = {"site": site, "service": "calls", "unit": "calls", "freq": "MS", "yhat": yhat, "lo80": 1.0, "hi80": 9.0}
    row |= {"cutoff": pd.Timestamp(cutoff), "ds": pd.Timestamp(f"{month}-01"), "reconstructed": False}
    return pd.DataFrame([row])


def test_a_month_run_again_for_one_site_loses_no_other_site(tmp_path: Path) -> None:
    both = pd.concat([one_forecast(site, "2026-03-31", "2026-04", 5.0) for site in ("Cork", "Dublin")])
    first = an_earlier_run(tmp_path, "2026-03.1", "2026-04-02T00:00:00+00:00", both)
    again = one_forecast("Cork", "2026-03-31", "2026-04", 6.0)
    second = an_earlier_run(tmp_path, "2026-03", "2026-04-04T00:00:00+00:00", again)
    before = carried_over(None, one_forecast("Cork", "2026-02-28", "2026-04", 4.0), Calendar())
    for folder in (tmp_path / "2026-03.1", tmp_path / "2026-03", tmp_path / "now"):
        (folder / "inputs" / "prior").mkdir(parents=True, exist_ok=True)
        before.to_parquet(folder / "inputs" / "prior" / "demand_record.parquet", index=False)
    foresight.keep([second, first], tmp_path / "now" / "inputs")
    found = kept_record(tmp_path / "now")
    assert found[["site", "cutoff", "volume"]].to_numpy().tolist() == [
        ["Cork", pd.Timestamp("2026-02-28"), 4.0],
        ["Cork", pd.Timestamp("2026-03-31"), 6.0],
        ["Dublin", pd.Timestamp("2026-03-31"), 5.0],
    ]


def test_runs_without_a_record_of_their_own_are_all_taken_into_the_first(tmp_path: Path) -> None:
    older = [
        an_earlier_run(
            tmp_path, "2026-03", "2026-04-02T00:00:00+00:00", one_forecast("Cork", "2026-03-31", "2026-04", 5)
        ),
        an_earlier_run(
            tmp_path, "2026-02", "2026-03-02T00:00:00+00:00", one_forecast("Cork", "2026-02-28", "2026-04", 4)
        ),
        an_earlier_run(
            tmp_path, "2026-01", "2026-02-02T00:00:00+00:00", pd.DataFrame({"site": ["Cork"]})
        ),  # another form
    ]
    (tmp_path / "now" / "inputs" / "prior").mkdir(parents=True)
    foresight.keep(older, tmp_path / "now" / "inputs")
    assert kept_record(tmp_path / "now")["volume"].tolist() == [4.0, 5.0]


def test_months_of_another_calendar_are_not_kept(tmp_path: Path) -> None:
    weeks = {"start_month": 7, "pattern": "4-4-5", "year_end": "last Saturday of June"}
    forecasts = one_forecast("Cork", "2026-03-31", "2026-04", 5)
    older = an_earlier_run(tmp_path, "2026-03", "2026-04-02T00:00:00+00:00", forecasts, **weeks)
    (tmp_path / "now" / "inputs" / "prior").mkdir(parents=True)
    foresight.keep([older], tmp_path / "now" / "inputs")
    assert list((tmp_path / "now" / "inputs" / "prior").iterdir()) == []


def test_half_a_file_leaves_nothing_and_ends_no_run(tmp_path: Path) -> None:
    forecasts = one_forecast("Cork", "2026-03-31", "2026-04", 5)
    older = an_earlier_run(tmp_path, "2026-03", "2026-04-02T00:00:00+00:00", forecasts)
    (older.folder / "forecasts.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "now" / "inputs" / "prior").mkdir(parents=True)
    foresight.keep([older], tmp_path / "now" / "inputs")
    assert list((tmp_path / "now" / "inputs" / "prior").iterdir()) == []


def test_status_lists_the_runs_by_month_the_newest_first(months: Path) -> None:
    found = batch.list_runs(months)
    assert [(run.name, run.state) for run in found] == [("2026-01", "done"), ("2026-01.1", "done"), ("2026-02", "done")]
    assert found[0].jobs == {"done": 1, "off": 1, "not asked for": 2}  # 02; 01; 03 and the pack
    assert found[0].seconds is not None


def a_manifest(runs: Path, process: int, started: str | None) -> Path:
    """Write the manifest of a run that says it is under way."""
    folder = runs / "2026-01"
    folder.mkdir(parents=True)
    content = {
        "schema": 1, "period": "2026-01", "state": "running", "started": "2026-02-01T00:00:00+00:00", "seconds": None,
        "jobs": [{"state": state, "reason": ""} for state in ("done", "running", "pending", "pending")],
        "pack": None, "process": {"id": process, "started": started},
    }  # fmt: skip
    manifest.write_json(folder / "run.json", content)
    return folder


def test_a_run_whose_process_died_is_shown_as_interrupted_and_moved_aside_by_the_next(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    a_manifest(tmp_path, ended.pid, "1-1")
    assert [(run.state, run.jobs) for run in batch.list_runs(tmp_path)] == [
        ("interrupted", {"done": 1, "interrupted": 3})
    ]
    (tmp_path / "made").mkdir()
    manifest.put_in_place(tmp_path / "made", tmp_path / "2026-01")
    assert (tmp_path / "2026-01.1" / "run.json").exists()


def test_a_run_whose_process_number_was_given_to_another_is_interrupted_too(tmp_path: Path) -> None:
    a_manifest(tmp_path, os.getpid(), f"{identity(os.getpid())}0")
    assert [run.state for run in batch.list_runs(tmp_path)] == ["interrupted"]


def test_a_second_run_into_the_same_folder_is_refused_with_the_firsts_process(tmp_path: Path) -> None:
    a_manifest(tmp_path, os.getpid(), identity(os.getpid()))
    assert batch.list_runs(tmp_path)[0].jobs == {"done": 1, "running": 1, "pending": 2}
    told = rf"under way .*\(process {os.getpid()}, since 20.*\)"
    with alone(tmp_path / "2026-01"), pytest.raises(batch.RequestError, match=told), alone(tmp_path / "2026-01"):
        pass
    with alone(tmp_path / "2026-01"):  # the first has ended
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["2026-01"]


def test_a_folder_that_is_no_run_is_never_moved(tmp_path: Path) -> None:
    mine, made = tmp_path / "2026-01", tmp_path / "made"
    for folder in (mine, made):
        folder.mkdir()
    manifest.put_in_place(made, mine)  # an empty one is taken
    (mine / "notes.txt").write_text("mine", encoding="utf-8")
    made.mkdir()
    with pytest.raises(batch.RequestError, match=r"2026-01 is no run .* name another folder with --runs"):
        manifest.put_in_place(made, mine)
    assert [path.name for path in tmp_path.iterdir() if path != made] == ["2026-01"]


def full_disk(job: batch.Job, state: batch.JobState, finished: int, of: int) -> None:
    """Raise what a full disk raises, when the second job starts."""
    if job.entity == "Dublin":
        raise OSError(28, "No space left on device", "run.json")


def test_whatever_ends_a_run_leaves_a_final_state_with_its_reason_and_no_kernel(tmp_path: Path) -> None:
    folder = write_notebooks(tmp_path / "notebooks", **{DEMAND: "import time\ntime.sleep(60)"})
    prepared = prepare(tmp_path, folder, notebooks=("02",), entities=("Cork", "Dublin"))
    started = time.monotonic()
    with pytest.raises(OSError, match="No space left"):
        batch.run(prepared, full_disk)
    assert time.monotonic() - started < 30
    content = manifest.read_manifest(tmp_path / "runs" / "2026-01")
    assert content is not None
    assert content["state"] == "failed"
    assert "No space left on device" in content["reason"]
    assert "running" not in {job["state"] for job in content["jobs"]}
    assert "full_disk" in (tmp_path / "runs" / "2026-01" / "error.log").read_text(encoding="utf-8")


def test_an_error_that_nobody_foresaw_ends_a_run_in_a_sentence(tmp_path: Path) -> None:
    code = "import pathlib\npathlib.Path(run_dir, 'results', 'x', 'y').mkdir(parents=True)\n"
    code += "pathlib.Path(run_dir, 'results', 'x', 'y', 'result.json').touch()\n"
    code += "pathlib.Path(run_dir, 'results', 'x', 'y', 'run_figures.parquet').write_text('no Parquet')"
    prepared = prepare(
        tmp_path, write_notebooks(tmp_path / "notebooks", **{DEMAND: code}), notebooks=("02",), entities=("Cork",)
    )
    with pytest.raises(batch.RunError, match=r"ended before its time .* send error\.log"):
        batch.run(prepared, lambda *said: None)
    assert [run.state for run in batch.list_runs(tmp_path / "runs")] == ["failed"]


def test_a_text_that_a_spreadsheet_would_compute_is_written_as_text(tmp_path: Path) -> None:
    rows = pd.DataFrame({"row": [2, 3], "value": ["=1+1", "-12.50"], "content": ['{"a": 1}', None]})
    manifest.write_quarantine(rows, tmp_path / "quarantine.csv")
    assert (tmp_path / "quarantine.csv").read_text(encoding="utf-8").splitlines()[1:] == [
        '2,\'=1+1,"{""a"": 1}"',
        "3,-12.50,",
    ]


# ------------------------------------------------------------------ the page


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a notebook with code, noise, a chart, a table and data that looks like markup."""
    tmp_path = tmp_path_factory.mktemp("page")
    cells = (
        "import sys\nsecret_code = 1\nprint('machine talk', file=sys.stderr)",
        "print('<script>alert(1)</script> & ' + 'x' * 300)",
        "## Where did the *money* go?\n\nSee [the methods](../docs/methods.md) or [a site](https://example.org).",
        "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots(figsize=(1, 1))",
        "import pandas as pd\npd.DataFrame({'name': ['<img src=http://example.org/x.png>']})",
    )
    path = write_notebook(tmp_path / "05_more.ipynb", *cells, title="Spending & saving")
    with execute.kernels() as found:
        notebook = execute.run_notebook(
            path, tmp_path / "out.ipynb", tmp_path / "out.log", {"period": "2026-01"}, "a", found, 60
        )
    render.write_page(notebook, tmp_path / "out.html", period="2026-01", entity="Dún <Laoghaire>")
    assert "machine talk" in (tmp_path / "out.log").read_text(encoding="utf-8")
    return (tmp_path / "out.html").read_text(encoding="utf-8")


def test_a_page_shows_neither_code_nor_stderr(page: str) -> None:
    assert "secret_code" not in page
    assert "machine talk" not in page
    assert "run_dir" not in page


def test_a_page_opens_offline(page: str) -> None:
    assert "<script" not in page
    assert not re.findall(r"<(?:link|img|iframe)[^>]*(?:src|href)=\"?http", page)
    assert "@import" not in page


def test_a_page_says_in_its_title_and_at_its_top_what_it_is_about(page: str) -> None:
    assert '<html lang="en">' in page
    assert "<title>Spending &amp; saving · Jan 2026 · Dún &lt;Laoghaire&gt;</title>" in page
    assert "<h1>Spending &amp; saving</h1><p>Jan 2026 · Dún &lt;Laoghaire&gt;</p>" in page
    assert page.count("<h1") == 1


def test_a_link_to_a_page_of_the_checkout_is_plain_text_in_the_report(page: str) -> None:
    assert "See the methods or" in page
    assert re.findall(r'href="([^"]*)"', page) == ["https://example.org"]


def test_data_is_never_markup(page: str) -> None:
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; xxx" in page
    assert "&lt;img src=" in page


def test_a_picture_has_a_text_that_stands_for_it(page: str) -> None:
    assert re.findall(r'<img alt="([^"]*)"', page) == ["Where did the money go?"]


def test_long_names_wrap_and_wide_tables_scroll(page: str) -> None:
    assert "overflow-wrap: anywhere" in page
    assert re.search(r'<div [^>]*class="wide"[^>]*>\s*<div>\s*<style', page)
