"""The command line: what each command says, and with which exit code it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner, Result

from opsanalytics.cli import app

PARAMETERS = """period: str = "2026-01"  # reporting month
entity: str = "(all)"  # site or (all)
data: str = "data"  # folder of tables
run_dir: str = ""  # run folder
level: float = 0.8  # width of the interval"""
DEMAND, PACK = "02_seasonal_demand", "04_board_pack"
PACK_CODE = """import json, pathlib
folder = pathlib.Path(run_dir, "results", "board_pack")
folder.mkdir(parents=True, exist_ok=True)
status = {"status": "DRAFT", "reasons": [{"reason": "It is a test", "remedy": "Wait."}]}
(folder / "status.json").write_text(json.dumps(status), encoding="utf-8")"""


def write_notebook(folder: Path, name: str, code: str) -> None:
    """Write a notebook of one cell."""
    v4 = nbformat.v4
    parameters = v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell(f"# Report {name[:2]}"), parameters, v4.new_code_cell(code)])
    folder.mkdir(exist_ok=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with ./notebooks and ./data: one site's demand of January 2026."""
    write_notebook(tmp_path / "notebooks", DEMAND, "print(entity)")
    write_notebook(tmp_path / "notebooks", PACK, PACK_CODE)
    (tmp_path / "data").mkdir()
    rows = "".join(f"2026-01-{day:02d},Main,calls,5\n" for day in range(1, 32))
    (tmp_path / "data" / "demand.csv").write_text(f"ds,site,service,volume\n{rows}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str) -> Result:
    """Call the command line in this process."""
    return CliRunner().invoke(app, list(arguments), prog_name="opsanalytics")


RUN = ("run", "2026-01", "--data", "data")


# ------------------------------------------------------------------ requests that are wrong


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("runn",), "The nearest is run", id="command"),
        pytest.param(
            ("run", "2026-13", "--data", "data"), "is not a month: write it as YYYY-MM", id="a month that cannot be"
        ),
        pytest.param(
            ("run", "2025-01", "--data", "data"), "The data hold 2026-01 to 2026-01", id="a month without data"
        ),
        pytest.param(("run", "2026-01", "--data", "dta"), "The data folder 'dta' does not exist", id="data folder"),
        pytest.param((*RUN, "--entity", "Mian"), "The nearest is Main", id="entity"),
        pytest.param((*RUN, "--notebook", "sesonal_demand"), "The nearest is seasonal_demand", id="notebook"),
        pytest.param((*RUN, "--set", "levle=0.9"), "The nearest is level", id="parameter"),
        pytest.param(
            (*RUN, "--set", "level=high"), "Parameter level takes a number, not 'high'", id="value of another type"
        ),
        pytest.param((*RUN, "--set", "level"), "Write --set name=value", id="parameter without a value"),
        pytest.param((*RUN, "--notebooks", "nowhere"), "There is no notebook named like", id="notebooks folder"),
        pytest.param((*RUN, "--jobz", "2"), "--jobs", id="option"),
        pytest.param(("check", "--data", "dta"), "does not exist", id="check of no folder"),
        pytest.param(("describe", "demnd"), "The nearest is", id="describe of no notebook"),
    ],
)
def test_a_wrong_request_exits_2_and_names_what_was_meant(place: Path, arguments: tuple[str, ...], said: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert not (place / "runs").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[organistion]\n", "organisation"),
        ("[columns.demnd]\n", "demand"),
        ("[fiscal_year]\nstart = 7\n", "start_month"),
    ],
)
def test_an_unknown_key_or_table_in_the_settings_exits_2_with_the_nearest(place: Path, text: str, said: str) -> None:
    (place / "data" / "workbook.toml").write_text(text, encoding="utf-8")
    for arguments in (RUN, ("check", "--data", "data")):
        result = call(*arguments)
        assert result.exit_code == 2
        assert said in result.stderr


def test_a_file_that_is_no_table_exits_2_with_the_nearest(place: Path) -> None:
    (place / "data" / "legder.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    for arguments, stream in ((RUN, "stderr"), (("check", "--data", "data"), "stdout")):
        result = call(*arguments)
        assert result.exit_code == 2
        assert "the nearest is 'ledger'" in getattr(result, stream)


def test_an_empty_data_folder_exits_2(place: Path) -> None:
    (place / "data" / "demand.csv").unlink()
    result = call(*RUN)
    assert result.exit_code == 2
    assert "holds no table" in result.stderr


def test_the_sample_is_written_over_nothing(place: Path) -> None:
    result = call("sample", "data")
    assert result.exit_code == 2
    assert "is not empty" in result.stderr
    assert [path.name for path in (place / "data").iterdir()] == ["demand.csv"]


@pytest.mark.parametrize(("option", "step"), [((), "run 2026-10"), (("--faults",), "check")])
def test_the_sample_says_the_next_step_that_succeeds(place: Path, option: tuple[str, ...], step: str) -> None:
    result = call("sample", "new", *option)
    assert result.exit_code == 0
    assert result.stdout == f"The sample lies in new. Next: opsanalytics {step} --data new\n"


# ------------------------------------------------------------------ check


def test_check_lists_every_fault_with_its_place_and_exits_1_on_an_error(place: Path) -> None:
    with (place / "data" / "demand.csv").open("a", encoding="utf-8") as file:
        file.write("2026-01-30,Main,calls,6\n2026-02-01,Main,calls,many\n")
    result = call("check", "--data", "data")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert any(line.startswith("error demand.csv row 33") for line in lines)
    assert any(line.startswith("quarantined demand.csv row 34 volume") and "'many'" in line for line in lines)
    run = call(*RUN)
    assert run.exit_code == 1
    assert "row 33" in run.stderr
    assert not (place / "runs").exists()


def test_check_of_clean_data_exits_0_and_counts_what_it_read(place: Path) -> None:
    result = call("check", "--data", "data")
    assert result.exit_code == 0
    assert "0 errors, 0 rows in quarantine, 1 file read." in result.stdout
    assert "Control totals: none given" in result.stdout


# ------------------------------------------------------------------ describe, plan, run, status


def test_describe_lists_name_type_default_and_meaning(place: Path) -> None:
    result = call("describe", "02")
    assert result.exit_code == 0
    assert f"{DEMAND}: Report 02" in result.stdout
    assert "level    float  0.8        width of the interval" in result.stdout
    assert PACK not in result.stdout
    assert PACK in call("describe").stdout


def test_a_dry_run_prints_the_plan_and_runs_nothing(place: Path) -> None:
    result = call(*RUN, "--dry-run", "--set", "level=0.9")
    assert result.exit_code == 0
    assert f"{DEMAND} · Main  level=0.9" in result.stdout
    assert f"{PACK}  level=0.9  after {DEMAND} · Main" in result.stdout
    assert not (place / "runs").exists()


def test_a_run_says_each_job_in_a_line_and_where_the_pack_lies(place: Path) -> None:
    result = call(*RUN)
    assert result.exit_code == 0
    assert f"[1/2] {DEMAND} · Main · done in " in result.stdout
    assert f"Board pack: {Path('runs', '2026-01', 'board_pack.html')} (DRAFT)\n  It is a test. Wait.\n" in result.stdout
    listed = call("status").stdout.splitlines()
    assert listed[0].split() == ["run", "state", "started", "(UTC)", "took", "jobs", "board", "pack"]
    assert listed[1].startswith("2026-01  done")
    assert listed[1].endswith("DRAFT")


def test_a_failed_notebook_exits_1_and_is_named(place: Path) -> None:
    write_notebook(place / "notebooks", DEMAND, "raise LookupError('no such service')")
    result = call(*RUN)
    assert result.exit_code == 1
    kept = Path("runs", "2026-01", "main", f"{DEMAND}.failed.ipynb")
    assert f"[1/2] {DEMAND} · Main · failed: code cell 3: LookupError: no such service. See {kept}\n" in result.stdout
    assert kept.exists()
    assert f"[2/2] {PACK} · done" in result.stdout


def test_a_failed_pack_exits_1_and_no_pack_is_announced(place: Path) -> None:
    write_notebook(place / "notebooks", PACK, "1 / 0")
    result = call(*RUN, "--notebook", "04")
    assert result.exit_code == 1
    assert "No board pack was made" in result.stdout
    assert "Board pack:" not in result.stdout


def test_status_of_no_runs_says_how_to_start_one(place: Path) -> None:
    result = call("status")
    assert result.exit_code == 0
    assert "opsanalytics run PERIOD" in result.stdout


# ------------------------------------------------------------------ as a process


def start(place: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the command line as a process of its own."""
    source = str(Path(__file__).parents[1] / "src")
    environment = {**os.environ, "PYTHONPATH": source, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "opsanalytics", *arguments]
    return subprocess.Popen(
        command, cwd=place, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_a_reader_that_goes_away_ends_no_run(place: Path) -> None:
    with start(place, *RUN, "--notebook", "02") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
    manifest = json.loads((place / "runs" / "2026-01" / "run.json").read_text(encoding="utf-8"))
    assert manifest["state"] == "done"


@pytest.mark.skipif(os.name != "posix", reason="a terminal is made this way on POSIX only")
@pytest.mark.parametrize(("width", "lines"), [(80, True), (160, False)])
def test_faults_are_a_table_on_a_wide_terminal_and_lines_on_a_narrow_one(place: Path, width: int, lines: bool) -> None:
    import pty

    with (place / "data" / "demand.csv").open("a", encoding="utf-8") as file:
        file.write("2026-02-01,Main,calls,many\n")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "src"), "COLUMNS": str(width)}
    command = [sys.executable, "-m", "opsanalytics", "check", "--data", "data"]
    subprocess.run(command, cwd=place, env=environment, stdout=theirs, stderr=subprocess.PIPE, check=True)
    said = os.read(ours, 65536).decode("utf-8")
    os.close(ours)
    os.close(theirs)
    assert said.startswith("quarantined demand.csv row 33 volume: unparsable: 'many' - Write volume as") is lines


@pytest.mark.skipif(os.name != "posix", reason="signals to another process are sent this way on POSIX only")
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_stopped_run_exits_130_leaves_no_kernel_and_says_so(place: Path, number: int) -> None:
    code = "import os, pathlib, time\npathlib.Path(run_dir, 'kernel').write_text(str(os.getpid()))\ntime.sleep(600)"
    write_notebook(place / "notebooks", DEMAND, code)
    process = start(place, *RUN)
    mark = place / "runs" / "2026-01" / "kernel"
    deadline = time.monotonic() + 60
    while not (mark.exists() and mark.read_text(encoding="utf-8")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    out, error = process.communicate(timeout=30)
    assert process.returncode == 130, error
    assert "Stopped" in out
    assert "Traceback" not in error
    manifest = json.loads((place / "runs" / "2026-01" / "run.json").read_text(encoding="utf-8"))
    assert manifest["state"] == "interrupted"
    assert {job["state"] for job in manifest["jobs"]} == {"interrupted"}
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text(encoding="utf-8")), 0)


def test_a_command_that_only_answers_imports_nothing_heavy(place: Path) -> None:
    heavy = "{'pandas', 'numpy', 'duckdb', 'papermill', 'nbformat', 'IPython', 'matplotlib', 'prophet'}"
    for arguments in (
        ["--help"],
        ["status"],
        ["describe"],
        ["run", "2026-13", "--data", "data"],
        ["run", "2026-01", "--data", "dta"],
    ):
        code = (
            "import sys\nfrom opsanalytics.cli import app\n"
            f"try:\n    app({arguments!r}, prog_name='opsanalytics')\nexcept SystemExit:\n    pass\n"
            f"print(sorted({heavy} & set(sys.modules)), file=sys.stderr)"
        )
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "src")}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=place, env=environment, capture_output=True, text=True, check=True
        )
        assert done.stderr.splitlines()[-1] == "[]", arguments


def start_lab(place: Path, code: str, *arguments: str) -> subprocess.Popen[str]:
    """Start `lab` where JupyterLab is a program that runs `code`: what it is told is what counts here."""
    (place / "jupyterlab").mkdir()
    (place / "jupyterlab" / "__init__.py").write_text("", encoding="utf-8")
    (place / "jupyterlab" / "__main__.py").write_text(code, encoding="utf-8")
    paths = os.pathsep.join([str(place), str(Path(__file__).parents[1] / "src")])
    return subprocess.Popen(
        [sys.executable, "-m", "opsanalytics", "lab", *arguments],
        cwd=place, env={**os.environ, "PYTHONPATH": paths}, text=True, stdout=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize("checkout", [True, False])
def test_lab_opens_the_notebooks_within_their_checkout_with_this_interpreter(place: Path, checkout: bool) -> None:
    if checkout:
        (place / "docs").mkdir()
    code = "import sys\nprint(sys.executable, *sys.argv[1:])\nsys.exit(3)\n"
    process = start_lab(place, code, "--", "--no-browser", "--port", "8899")
    told, _ = process.communicate(timeout=60)
    places = [f"--ServerApp.root_dir={place}", "--LabApp.default_url=/lab/tree/notebooks"]
    if not checkout:
        places = [f"--ServerApp.root_dir={place / 'notebooks'}"]
    assert told.split() == [sys.executable, *places, "--no-browser", "--port", "8899"]
    assert process.returncode == 3


@pytest.mark.skipif(os.name != "posix", reason="signals to another process are sent this way on POSIX only")
def test_jupyterlab_answers_ctrl_c_itself_in_its_own_time(place: Path) -> None:
    code = (
        "import time\ntry:\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    time.sleep(1)\n    print('saved and closed')\n"
    )
    process = start_lab(place, code)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[0] == "saved and closed\n"
    assert process.returncode == 0
