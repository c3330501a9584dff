"""A run under bad luck: killed, out of time, out of disk, twice at once, a clock set back; and what stands after it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from opsanalytics import batch
from opsanalytics.batch.folder import manifest
from opsanalytics.batch.folder.process import identity
from test_batch import DEMAND, PACK, STAFFING, VARIANCE, prepare, states, write_data, write_notebook, write_notebooks

QUIET = lambda *said: None  # noqa: E731
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and process groups are those of POSIX")
#: Each job leaves a figure of its own, so that two runs can be compared.
SAVES = """from opsanalytics import results, sources
inputs = sources.read(data, run_dir)
results.save(results.forecast(inputs, period, entity, run_dir), run_dir)"""


def run(prepared: batch.Prepared) -> batch.Outcome:
    """Run without a word."""
    return batch.run(prepared, QUIET)


def ran(outcome: batch.Outcome) -> set[str]:
    """Return the jobs that were executed now."""
    return {name for name, state in outcome.jobs.items() if not state.on_record}


def files(folder: Path) -> dict[str, bytes]:
    """Return every figure of a run folder: its tables, but for what says when it ran."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def half_written(folder: Path) -> list[str]:
    """Return what a run leaves when it is killed: files and folders on their way to their final names."""
    return [path.name for path in folder.rglob("*") if ".part" in path.name or path.name.startswith((".taken", ".20"))]


def command(tmp_path: Path, folder: Path, *more: str) -> list[str]:
    """Return the command that runs January 2026."""
    place = ["--data", str(tmp_path / "data"), "--runs", str(tmp_path / "runs"), "--notebooks", str(folder)]
    return [sys.executable, "-m", "opsanalytics", "run", "2026-01", *place, "--jobs", "2", *more]


def of_the_folder(text: str) -> list[int]:
    """Return the processes, this one apart, whose command line or environment names a text."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            said = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in said and int(place.name) != os.getpid() and identity(int(place.name)):
            found.append(int(place.name))
    return found


# ------------------------------------------------------------------ what is on record is not run again


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, notebooks and one finished run of all notebooks."""
    tmp_path = tmp_path_factory.mktemp("finished")
    run(prepare(tmp_path, write_notebooks(tmp_path / "notebooks", **{DEMAND: SAVES})))
    return tmp_path


def test_a_month_run_again_unchanged_runs_nothing(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    outcome = run(prepare(tmp_path, tmp_path / "notebooks"))
    assert ran(outcome) == set()
    assert outcome.state == "done"
    first, second = (manifest.read_manifest(place / "runs" / "2026-01") for place in (finished, tmp_path))
    assert first is not None
    assert second is not None
    assert second["started"] == first["started"]  # what it knew, it knew then
    assert outcome.pack is not None
    assert [path.name for path in (tmp_path / "runs").iterdir() if path.is_dir()] == ["2026-01"]


def test_force_runs_everything_and_moves_the_old_run_aside(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    outcome = run(prepare(tmp_path, tmp_path / "notebooks", force=True))
    assert ran(outcome) == set(outcome.jobs)
    assert files(tmp_path / "runs" / "2026-01") == files(tmp_path / "runs" / "2026-01.1")


def test_a_change_of_one_sites_demand_runs_that_site_the_whole_and_the_pack(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    data = tmp_path / "data" / "demand.csv"
    changed = data.read_text(encoding="utf-8").replace("2026-01-07,Cork,calls,5", "2026-01-07,Cork,calls,6")
    write_data(tmp_path / "data")
    data.write_text(changed, encoding="utf-8")
    request = batch.Request("2026-01", tmp_path / "data", tmp_path / "runs", tmp_path / "notebooks", jobs=2)
    prepared = batch.prepare(request)
    told = batch.standing(prepared)
    assert told[f"{DEMAND} Cork"] == "demand changed"
    assert told[f"{DEMAND} Dublin"] == "on record"
    outcome = run(prepared)
    again = {f"{DEMAND} Cork", f"{DEMAND} (all)", f"{STAFFING} Cork", f"{STAFFING} (all)", f"{PACK} (all)"}
    assert ran(outcome) == again
    assert outcome.jobs[f"{DEMAND} Dublin"].taken_from == "2026-01.1"
    fresh = run(prepare_in(tmp_path, "fresh"))
    assert files(outcome.folder) == files(fresh.folder)


def prepare_in(tmp_path: Path, runs: str) -> batch.Prepared:
    """Prepare the run of the data as they are into another runs folder."""
    return batch.prepare(batch.Request("2026-01", tmp_path / "data", tmp_path / runs, tmp_path / "notebooks", jobs=2))


def test_a_damaged_output_is_made_again_and_never_taken_over(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    page = tmp_path / "runs" / "2026-01" / "cork" / f"{VARIANCE}.html"
    page.write_bytes(page.read_bytes()[:100])
    outcome = run(prepare(tmp_path, tmp_path / "notebooks"))
    assert ran(outcome) == {f"{VARIANCE} Cork", f"{PACK} (all)"}
    assert b"</html>" in page.read_bytes()


def test_a_result_that_was_altered_is_computed_again_and_not_read_back(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    run_folder = tmp_path / "runs" / "2026-01"
    altered = next(run_folder.glob("results/cork-*/seasonal_demand/forecasts.parquet"))
    frame = pd.read_parquet(altered)
    frame.assign(yhat=frame["yhat"] * 2).to_parquet(altered, index=False)
    outcome = run(prepare(tmp_path, tmp_path / "notebooks"))
    assert f"{DEMAND} Cork" in ran(outcome)
    assert files(run_folder) == files(finished / "runs" / "2026-01")
    pd.testing.assert_frame_equal(pd.read_parquet(altered), frame)


def test_inputs_that_were_altered_in_the_run_folder_are_put_right_before_anything_runs(
    finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    run_folder = tmp_path / "runs" / "2026-01"
    demand = run_folder / "inputs" / "demand.parquet"
    frame = pd.read_parquet(demand)
    frame.assign(y=frame["y"] * 10).to_parquet(demand, index=False)
    (run_folder / "cork" / f"{DEMAND}.html").unlink()
    outcome = run(prepare(tmp_path, tmp_path / "notebooks"))
    assert f"{DEMAND} Cork" in ran(outcome)
    assert files(run_folder) == files(finished / "runs" / "2026-01")


def test_a_run_whose_tables_or_inputs_were_changed_is_not_said_to_be_unchanged(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    request = batch.Request("2026-01", finished / "data", tmp_path / "runs", finished / "notebooks", jobs=2)
    assert batch.unchanged(request) is not None
    for name in ("figures.parquet", "inputs/settings.json"):
        path = tmp_path / "runs" / "2026-01" / name
        held = path.read_bytes()
        path.unlink()
        assert batch.unchanged(request) is None
        path.write_bytes(held)


def test_what_a_notebook_put_on_record_before_it_failed_is_no_figure(tmp_path: Path) -> None:
    fails = SAVES + "\nif entity == 'Cork':\n    raise ValueError('after it saved')"
    outcome = run(prepare(tmp_path, write_notebooks(tmp_path / "notebooks", **{DEMAND: fails})))
    assert outcome.jobs[f"{DEMAND} Cork"].state == "failed"
    figures = pd.read_parquet(outcome.folder / "figures.parquet")
    assert set(figures.loc[figures["report"] == "seasonal_demand", "entity"]) == {"Dublin"}


def test_code_beside_a_notebook_is_part_of_what_it_is(tmp_path: Path) -> None:
    folder = write_notebooks(tmp_path / "notebooks", **{DEMAND: "import helper\nprint(helper.RATE)"})
    for rate in (1, 2):
        (folder / "helper.py").write_text(f"RATE = {rate}", encoding="utf-8")
        request = prepare(tmp_path, folder, notebooks=("02",), entities=("Cork",)).request
        assert batch.unchanged(request) is None
        outcome = run(batch.prepare(request))
        assert ran(outcome) == {f"{DEMAND} Cork"}
        assert f">{rate}\n" in (outcome.folder / "cork" / f"{DEMAND}.html").read_text(encoding="utf-8")


@POSIX
def test_a_forced_run_that_was_stopped_goes_on_with_the_same_command(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    done: list[str] = []

    def stops(job: batch.Job, state: batch.JobState, count: int, of: int) -> None:
        if state.state == "done":
            done.append(job.id)
        if len(done) == 2:
            raise KeyboardInterrupt

    forced = prepare(tmp_path, tmp_path / "notebooks", force=True)
    assert batch.run(forced, stops).state == "interrupted"
    again = run(prepare(tmp_path, tmp_path / "notebooks", force=True))
    assert again.state == "done"
    assert set(done) <= set(again.jobs) - ran(again)
    assert not any(state.taken_from for state in again.jobs.values())


def test_a_manifest_that_somebody_cut_down_is_no_run_and_stops_no_command(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    odd = tmp_path / "runs" / "2025-12"
    odd.mkdir()
    manifest.write_json(odd / "run.json", {"schema": 2, "period": "2025-12", "state": "done", "process": {}})
    assert [one.name for one in batch.list_runs(tmp_path / "runs")] == ["2026-01"]
    assert run(prepare(tmp_path, tmp_path / "notebooks", force=True)).state == "done"


def test_a_deadline_that_ends_while_a_kernel_starts_counts(tmp_path: Path) -> None:
    folder = write_notebooks(tmp_path / "notebooks", **{DEMAND: "import time\ntime.sleep(60)"})
    began = time.monotonic()
    outcome = run(prepare(tmp_path, folder, notebooks=("02",), entities=("Cork",), deadline_s=0.2))
    assert outcome.jobs[f"{DEMAND} Cork"].state == "failed"
    assert "longer than 0.2 seconds" in outcome.jobs[f"{DEMAND} Cork"].reason
    assert time.monotonic() - began < 40


def test_a_pack_made_without_a_failed_notebook_is_made_again_when_that_is_done(tmp_path: Path) -> None:
    flag = tmp_path / "mended"
    fails = f"import os\nif entity == 'Cork' and not os.path.exists({str(flag)!r}):\n    raise OSError('no')"
    folder = write_notebooks(tmp_path / "notebooks", **{VARIANCE: fails})
    first = run(prepare(tmp_path, folder))
    assert first.state == "failed"
    flag.touch()
    second = run(prepare(tmp_path, folder))
    assert second.state == "done"
    assert ran(second) == {f"{VARIANCE} Cork", f"{PACK} (all)"}


def test_a_month_without_change_is_answered_before_any_table_is_read(finished: Path) -> None:
    request = batch.Request("2026-01", finished / "data", finished / "runs", finished / "notebooks", jobs=2)
    told = batch.unchanged(request)
    assert told is not None
    assert all(state.on_record for state in told.jobs.values())
    other = batch.Request("2026-01", finished / "data", finished / "runs", finished / "notebooks", entities=("Cork",))
    assert batch.unchanged(other) is None


# ------------------------------------------------------------------ deadlines, deaths, two at once


def test_a_notebook_that_hangs_is_ended_at_its_deadline_and_its_cell_is_named(tmp_path: Path) -> None:
    hangs = "import time\nif entity == 'Cork':\n    time.sleep(600)"
    folder = write_notebooks(tmp_path / "notebooks", **{DEMAND: hangs})
    outcome = run(prepare(tmp_path, folder, notebooks=("02",), entities=("Cork", "Dublin"), deadline_s=6))
    hung = outcome.jobs[f"{DEMAND} Cork"]
    assert hung.state == "failed"
    assert hung.reason == "it took longer than 6 seconds and was ended: code cell 3 was running"
    assert hung.attempts == 1
    assert outcome.jobs[f"{DEMAND} Dublin"].state == "done"


@POSIX
def test_a_kernel_that_dies_once_is_tried_again_and_the_first_death_is_on_record(tmp_path: Path) -> None:
    flag = tmp_path / "died"
    code = f"import os, pathlib\nflag = pathlib.Path({str(flag)!r})\nif not flag.exists():\n    flag.touch()\n"
    code += "    os.kill(os.getpid(), 9)"
    folder = write_notebooks(tmp_path / "notebooks", **{DEMAND: code})
    outcome = run(prepare(tmp_path, folder, notebooks=("02",), entities=("Cork",)))
    job = outcome.jobs[f"{DEMAND} Cork"]
    assert (job.state, job.attempts) == ("done", 2)
    assert job.warnings[0].startswith("attempt 1: its Python process was killed in code cell 3 (signal 9, SIGKILL")
    assert not list(outcome.folder.rglob("*.failed.ipynb"))


def test_what_a_library_warns_of_is_on_record(tmp_path: Path) -> None:
    warns = "import warnings\nwarnings.warn('take care', FutureWarning)"
    folder = write_notebooks(tmp_path / "notebooks", **{DEMAND: warns})
    outcome = run(prepare(tmp_path, folder, notebooks=("02",), entities=("Cork",)))
    assert outcome.jobs[f"{DEMAND} Cork"].warnings == ("FutureWarning: take care",)
    entry = json.loads((outcome.folder / "run.json").read_text(encoding="utf-8"))["jobs"]
    assert next(job for job in entry if job["entity"] == "Cork" and job["state"] == "done")["peak_memory_mb"] > 20


@POSIX
def test_a_second_run_at_once_is_refused_with_the_firsts_process(tmp_path: Path) -> None:
    folder = write_notebooks(tmp_path / "notebooks", **{DEMAND: "import time\ntime.sleep(600)"})
    write_data(tmp_path / "data")
    first = started(command(tmp_path, folder, "--notebook", "02"), tmp_path / "first.log")
    try:
        wait_for(lambda: (tmp_path / "runs" / "2026-01" / "run.json").exists())
        second = subprocess.run(command(tmp_path, folder), capture_output=True, text=True, check=False)
        assert second.returncode == 2
        assert f"process {first.pid}, since 20" in second.stderr
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()


def started(line: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a command that leads a session of its own."""
    with log.open("wb") as stream:
        return subprocess.Popen(line, stdout=stream, stderr=stream, start_new_session=True)


def wait_for(condition: Any, seconds: float = 60) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


# ------------------------------------------------------------------ killed at any moment


@pytest.mark.slow
@POSIX
def test_a_run_killed_at_any_moment_goes_on_with_the_same_command_and_comes_to_the_same(
    finished: Path, tmp_path: Path
) -> None:
    """The driver alone is killed, ten times in a row at random moments; its kernels have to end by themselves."""
    folder = tmp_path / "notebooks"
    shutil.copytree(finished / "notebooks", folder)
    write_data(tmp_path / "data")
    line, chance, done = command(tmp_path, folder), random.Random(0), 0
    for number in range(10):
        driver = started(line, tmp_path / f"{number}.log")
        time.sleep(chance.uniform(0.3, 7))
        if driver.poll() is None:
            os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
        time.sleep(2.5)
        assert of_the_folder(str(tmp_path / "runs")) == []
        content = manifest.read_manifest(tmp_path / "runs" / "2026-01")
        now = sum(job["state"] == "done" for job in content["jobs"]) if content else 0
        assert now >= done, "what was done is lost"
        done = now
    assert subprocess.run(line, check=False, capture_output=True).returncode == 0
    whole = tmp_path / "runs" / "2026-01"
    assert half_written(tmp_path / "runs") == []
    assert files(whole) == files(finished / "runs" / "2026-01")
    assert [path.name for path in (tmp_path / "runs").iterdir() if path.is_dir()] == ["2026-01"]


@POSIX
def test_ctrl_c_ends_a_run_within_two_seconds_and_leaves_nothing_running(tmp_path: Path) -> None:
    """The shortest of up to three tries counts: others may share the machine."""
    folder = write_notebooks(tmp_path / "notebooks", **{DEMAND: "import time\ntime.sleep(600)"})
    write_data(tmp_path / "data")
    assert any(seconds_to_stop(tmp_path, folder) < 2 for _ in range(3))


def seconds_to_stop(tmp_path: Path, folder: Path) -> float:
    """Start a run, stop it by Ctrl-C, see that nothing of it is left, and return how long it took to end."""
    driver = started(command(tmp_path, folder, "--notebook", "02"), tmp_path / "log")
    wait_for(lambda: "running" in state_texts(tmp_path / "runs" / "2026-01"))
    time.sleep(2)  # its kernel is up, its cell sleeps
    begun = time.monotonic()
    os.kill(driver.pid, signal.SIGINT)
    assert driver.wait(30) == 130
    took = time.monotonic() - begun
    assert of_the_folder(str(tmp_path / "runs")) == []
    assert "running" not in state_texts(tmp_path / "runs" / "2026-01")
    assert half_written(tmp_path / "runs") == []
    return took


def state_texts(folder: Path) -> list[str]:
    """Return the states of a run's jobs, none where there is no run."""
    content = manifest.read_manifest(folder)
    return [job["state"] for job in content["jobs"]] if content else []


# ------------------------------------------------------------------ disks and clocks


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """A file system of two megabytes, where this machine lets one be mounted."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = sys.platform == "linux" and shutil.which("mount") is not None
    line = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if not mounted or subprocess.run(line, check=False, capture_output=True).returncode:
        pytest.skip("no small file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_said_and_nothing_half_written_is_left(tmp_path: Path, small_disk: Path) -> None:
    folder = write_notebooks(tmp_path / "notebooks", **{DEMAND: "print('x' * 3_000_000)"})
    data = write_data(tmp_path / "data")
    request = batch.Request("2026-01", data, small_disk / "runs", folder, notebooks=("02",), entities=("Cork",), jobs=1)
    with contextlib.suppress(OSError):  # where not even the manifest can be written
        outcome = run(batch.prepare(request))
        assert outcome.state == "failed"
        assert "No space left" in outcome.jobs[f"{DEMAND} Cork"].reason
    assert half_written(small_disk) == []
    assert not list(small_disk.rglob(f"{DEMAND}.ipynb"))
    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    assert run(batch.prepare(request)).state == "done"


@POSIX
def test_a_runs_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    if os.geteuid() == 0 and not Path("/proc/sys").is_dir():
        pytest.skip("the superuser writes everywhere here")
    folder = write_notebooks(tmp_path / "notebooks")
    data = write_data(tmp_path / "data")
    runs = Path("/proc/sys") if os.geteuid() == 0 else tmp_path / "locked"
    if os.geteuid() != 0:
        runs.mkdir(mode=0o500)
    line = [sys.executable, "-m", "opsanalytics", "run", "2026-01", "--data", str(data), "--runs", str(runs)]
    done = subprocess.run([*line, "--notebooks", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "permissions, then run again" in done.stderr


def test_a_clock_that_jumps_back_changes_neither_which_run_is_the_newest_nor_its_state(
    finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    first = tmp_path / "runs" / "2026-01" / "run.json"
    content = json.loads(first.read_text(encoding="utf-8"))
    manifest.write_json(first, content | {"started": "2031-01-01T00:00:00+00:00"})  # made before the clock jumped back
    run(prepare(tmp_path, tmp_path / "notebooks", force=True))
    assert [run.name for run in batch.list_runs(tmp_path / "runs")] == ["2026-01", "2026-01.1"]
    later = pd.read_csv(tmp_path / "data" / "demand.csv")
    pd.concat([later, later.assign(ds="2026-02-01").drop_duplicates("site")]).to_csv(
        tmp_path / "data" / "demand.csv", index=False
    )
    request = batch.Request("2026-02", tmp_path / "data", tmp_path / "runs", tmp_path / "notebooks", notebooks=("02",))
    outcome = run(batch.prepare(batch.Request(**(vars(request) | {"jobs": 2}))))
    kept = json.loads((outcome.folder / "run.json").read_text(encoding="utf-8"))["plan"]["prior"]
    assert kept == "2026-01"


# ------------------------------------------------------------------ once more


def test_a_run_repeated_from_its_own_inputs_comes_to_the_same_whatever_became_of_the_source(
    finished: Path, tmp_path: Path
) -> None:
    from opsanalytics.batch import comparison

    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "data")
    runs = tmp_path / "runs"
    again = batch.prepare_again(runs / "2026-01", runs / "again", tmp_path / "notebooks", jobs=2, engine="forked")
    outcome = run(again)
    assert ran(outcome) == set(outcome.jobs)
    assert states(outcome) == dict.fromkeys(outcome.jobs, "done")
    assert comparison.compare(runs / "2026-01", runs / "again").same
    content = manifest.read_manifest(runs / "again")
    assert content is not None
    assert content["repeats"] == "2026-01"
    assert batch.list_runs(runs)[0].name == "2026-01"
    with pytest.raises(batch.RequestError, match="exists already"):
        batch.prepare_again(runs / "2026-01", runs / "again", tmp_path / "notebooks", jobs=2, engine="forked")


def test_no_secret_given_by_reference_is_in_any_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "s3cr3t-Zq81-never-on-paper"
    monkeypatch.setenv("OPS_TEST_SECRET", secret)
    parameters = PARAMETERS_WITH_SECRET
    folder = write_notebooks(tmp_path / "notebooks")
    write_notebook(folder / f"{DEMAND}.ipynb", "print(account, len(account))", parameters=parameters)
    outcome = run(
        prepare(tmp_path, folder, notebooks=("02",), entities=("Cork",), parameters=("account=env:OPS_TEST_SECRET",))
    )
    assert outcome.state == "done"
    for path in (tmp_path / "runs").rglob("*"):
        assert not (path.is_file() and secret.encode() in path.read_bytes()), path


PARAMETERS_WITH_SECRET = """period: str = "2026-01"  # reporting month, YYYY-MM
entity: str = "(all)"  # site or (all)
data: str = "data"  # folder of tables
run_dir: str = ""  # run folder
account: str = ""  # where the account's password stands, such as env:NAME"""


def test_the_manifest_has_the_fields_that_the_codebook_says(finished: Path, root: Path) -> None:
    import re

    text = (root / "docs" / "data.md").read_text(encoding="utf-8").partition("`run.json` holds")[2]
    table = [line.strip("| ").split(" | ", 1) for line in text.splitlines() if line.startswith("| `")]
    said = {
        name: set(re.findall(r"`(\w+)`", words)) for names, words in table[:9] for name in re.findall(r"`(\w+)`", names)
    }
    content = json.loads((finished / "runs" / "2026-01" / "run.json").read_text(encoding="utf-8"))
    assert set(said) == set(content)
    assert said["plan"] == set(content["plan"]) | {"revision", "clean"}
    assert said["jobs"] == set().union(*content["jobs"])
    assert not {"user", "login", os.environ.get("USER", "\0"), os.environ.get("HOME", "\0")} & set(
        json.dumps(content).split('"')
    )
