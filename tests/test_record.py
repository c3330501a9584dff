"""Record: a done job's outputs are found by its key and taken over whole, or the job runs again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsanalytics.batch.folder.record import Place, Records, outputs_of, take_over, whole
from opsanalytics.results.record import folder_of

KEY, OTHER_KEY = "a" * 64, "b" * 64
NOTEBOOK, SITE, PACK = "01_budget_variance", "Cork", "04_board_pack"
RESULTS = folder_of("", SITE, "budget_variance").as_posix()
FILES = {
    "cork/01_budget_variance.ipynb": b'{"cells": []}',
    "cork/01_budget_variance.html": b"<h1>A page</h1>",
    f"{RESULTS}/result.json": b"{}",
    f"{RESULTS}/run_figures.parquet": b"figures" * 1000,
}
NOT_OUTPUTS = {
    "cork/01_budget_variance.log": b"what it said",
    "cork/01_budget_variance.failed.ipynb": b"an earlier attempt",
    "cork/.01_budget_variance.part.ipynb": b"half a notebook",
    "cork/02_seasonal_demand.ipynb": b"another job's",
    f"{RESULTS}.123.partial/result.json": b"half a result",
    f"{folder_of('', 'Dublin', 'budget_variance').as_posix()}/result.json": b"another site's",
}
PLACE = Place(NOTEBOOK, SITE, "cork")


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by their path in a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def entry(left: Mapping[str, str], **more: Any) -> dict[str, Any]:
    """A job as it stands in a manifest."""
    job = {"id": f"{NOTEBOOK} {SITE}", "notebook": NOTEBOOK, "entity": SITE, "state": "done"}
    return {**job, "key": KEY, "parts": {}, "outputs": dict(left), **more}


def manifest(
    folder: Path, *jobs: Mapping[str, Any], cork: str = "cork", started: str = "2026-11-03", schema: int = 2
) -> Path:
    """Write the manifest of a run, the folder's own if it has none, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    head = {"schema": schema, "period": "2026-10", "state": "done", "process": {"id": 1, "started": 1.0}}
    plan = {"folders": {SITE: cork, "Dublin": "dublin"}}
    content = {**head, "started": started, "plan": plan, "jobs": list(jobs)}
    (folder / "run.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A runs folder with one run in which one job is done."""
    folder = tmp_path / "runs"
    write(folder / "2026-10.1", FILES | NOT_OUTPUTS)
    manifest(folder / "2026-10.1", entry(outputs_of(folder / "2026-10.1", PLACE)))
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its path in it, but for the manifest."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name != "run.json"}


def test_the_outputs_are_the_notebook_its_page_and_its_results(runs: Path) -> None:
    expected = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    assert outputs_of(runs / "2026-10.1", PLACE) == expected


def test_the_outputs_of_the_pack_are_all_files_of_its_name(tmp_path: Path) -> None:
    files = ("board_pack.ipynb", "board_pack.html", "board_pack.pdf", "results/board_pack/status.json")
    others = ("board_pack.failed.ipynb", "board_pack.log", "run.json", "figures.parquet", ".board_pack.html.12")
    write(tmp_path, dict.fromkeys((*files, *others), b"x"))
    assert set(outputs_of(tmp_path, Place(PACK, "(all)", ""))) == set(files)


def test_a_done_job_is_found_by_its_key_and_taken_over(runs: Path) -> None:
    found = Records.of(runs).find(KEY)
    assert found is not None
    assert whole(found)
    new = manifest(runs / "2026-10")
    assert take_over(found, new) == outputs_of(new, PLACE) == found.outputs
    assert everything(new) == FILES
    assert Records.of(runs).find(OTHER_KEY) is None


def test_an_entity_whose_folder_has_another_name_gets_its_files_there(runs: Path) -> None:
    found = Records.of(runs).find(KEY)
    assert found is not None
    new = manifest(runs / "2026-10", cork="cork-1a2b3c")
    taken = take_over(found, new)
    assert taken == outputs_of(new, Place(NOTEBOOK, SITE, "cork-1a2b3c"))
    assert everything(new) == {name.replace("cork/", "cork-1a2b3c/", 1): content for name, content in FILES.items()}


def test_what_lay_there_before_goes(runs: Path) -> None:
    new = manifest(runs / "2026-10")
    write(new, {f"{RESULTS}/run_outlook.parquet": b"of another version", "cork/01_budget_variance.html": b"old"})
    found = Records.of(runs).find(KEY)
    assert found is not None
    assert take_over(found, new)
    assert everything(new) == FILES


def test_a_job_done_in_this_very_run_is_taken_as_it_is(runs: Path) -> None:
    found = Records.of(runs).find(KEY)
    assert found is not None
    before = everything(found.folder)
    assert take_over(found, found.folder) == found.outputs
    assert everything(found.folder) == before
    (found.folder / "cork" / "01_budget_variance.html").write_bytes(b"half")
    assert take_over(found, found.folder) is None


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(FILES)), place=st.integers(0, 10**4), way=st.sampled_from(["cut", "flip", "gone"]))
def test_a_job_with_a_missing_or_damaged_output_is_not_taken_over_and_leaves_nothing(
    name: str, place: int, way: str, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "runs", ignore_errors=True)
    old, new = tmp_path / "runs" / "2026-10.1", manifest(tmp_path / "runs" / "2026-10")
    write(old, FILES)
    manifest(old, entry(outputs_of(old, PLACE)))
    found = Records.of(tmp_path / "runs").find(KEY)
    assert found is not None
    content = FILES[name]
    at = place % len(content)
    if way == "gone":
        (old / name).unlink()
        assert Records.of(tmp_path / "runs").find(KEY) is None
    else:
        (old / name).write_bytes(
            content[:at] if way == "cut" else content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        )
    assert not whole(found)
    assert take_over(found, new) is None
    assert everything(new) == {}
    assert [path.name for path in new.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    "path",
    [
        "../outside.html",
        "cork/../../outside.html",
        "/etc/passwd",
        "cork/../run.json",
        "run.json",
        "inputs/ledger.parquet",
        "cork/02_seasonal_demand.ipynb",
        "cork/01_budget_variance.py",
        "C:\\outside.html",
        f"{RESULTS}/C:outside",
        f"{RESULTS}/..\\..\\..\\outside",
        f"{RESULTS}/../../../run.json",
        f"{RESULTS}//x",
        f"{folder_of('', 'Dublin', 'budget_variance').as_posix()}/result.json",
    ],
)
def test_a_path_that_is_none_of_the_jobs_own_is_refused(path: str, runs: Path) -> None:
    outside = runs / "2026-10.1" / path
    digest = hashlib.sha256(b"x").hexdigest()
    if not path.startswith(("/", "C:")):
        outside.parent.mkdir(parents=True, exist_ok=True)
        outside.write_bytes(b"x")
    manifest(runs / "2026-10.1", entry(outputs_of(runs / "2026-10.1", PLACE) | {path: digest}))
    assert Records.of(runs).find(KEY) is None
    found = Records.of(runs).by_digest[KEY][0] if KEY in Records.of(runs).by_digest else None
    new = manifest(runs / "2026-10")
    assert found is None or (not whole(found) and take_over(found, new) is None)
    assert everything(new) == {}


@pytest.mark.parametrize("folder", ["..", "/tmp", "../../cork", "", "a/../b"])
def test_an_entitys_folder_that_lies_elsewhere_is_refused(folder: str, runs: Path) -> None:
    found = Records.of(runs).find(KEY)
    assert found is not None
    new = manifest(runs / "2026-10", cork=folder)
    assert take_over(found, new) is None
    assert everything(new) == {}
    manifest(runs / "2026-10.1", entry({f"{folder}/01_budget_variance.ipynb": KEY}), cork=folder)
    assert Records.of(runs).find(KEY) is None


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_a_link_that_leads_out_of_a_run_is_not_followed(runs: Path, tmp_path: Path) -> None:
    found = Records.of(runs).find(KEY)
    assert found is not None
    new, outside = manifest(runs / "2026-10"), tmp_path / "outside"
    outside.mkdir()
    (new / "cork").symlink_to(outside)
    assert take_over(found, new) is None
    assert list(outside.iterdir()) == []


def test_a_done_pack_that_names_a_job_as_missing_is_not_what_its_key_stands_for(tmp_path: Path) -> None:
    """The pack runs also when a job before it has failed; its key is that of the run in which all are done."""
    folder = tmp_path / "2026-10"
    write(folder, {"board_pack.ipynb": b"x", **FILES})
    need, pack = {f"need {NOTEBOOK} {SITE}": OTHER_KEY}, Place(PACK, "(all)", "")
    of_pack = {"id": f"{PACK} (all)", "notebook": PACK, "entity": "(all)", "parts": need}
    page = entry(outputs_of(folder, pack), **of_pack)
    outputs = outputs_of(folder, PLACE)
    for job, counts in (
        (entry(outputs, key=OTHER_KEY), True),
        (entry(outputs, key=OTHER_KEY, state="failed"), False),
        (entry(outputs, key="c" * 64), False),
    ):
        manifest(folder, page, job)
        assert (Records.of(tmp_path).find(KEY) is not None) == counts


def test_only_a_done_job_counts_and_the_newest_run_comes_first(tmp_path: Path) -> None:
    for name, state, started in (
        ("2026-10", "failed", "2026-11-05"),
        ("2026-10.1", "done", "2026-11-03"),
        ("2026-10.2", "done", "2026-11-04"),
        ("2026-10.3", "running", "2026-11-06"),
    ):
        write(tmp_path / name, FILES)
        manifest(tmp_path / name, entry(outputs_of(tmp_path / name, PLACE), state=state), started=started)
    assert [found.folder.name for found in Records.of(tmp_path).by_digest[KEY]] == ["2026-10.2", "2026-10.1"]
    (tmp_path / "2026-10.2" / "cork" / "01_budget_variance.html").unlink()
    found = Records.of(tmp_path).find(KEY)
    assert found is not None
    assert found.folder.name == "2026-10.1"  # the newer one lacks a page


@pytest.mark.parametrize(
    "jobs",
    [
        pytest.param(
            [{"id": "x", "notebook": NOTEBOOK, "entity": SITE, "state": "done"}], id="of schema 1, without keys"
        ),
        pytest.param([entry({}, key=7)], id="a key that is none"),
        pytest.param([entry({}, outputs=None)], id="no outputs"),
        pytest.param([entry({}, outputs=["a"], parts=3)], id="outputs of another form"),
        pytest.param(["job", None, 3], id="no jobs"),
        pytest.param({"a": 1}, id="no list of jobs"),
    ],
)
def test_what_is_no_done_job_with_a_key_adds_nothing_and_disturbs_nobody(jobs: Any, runs: Path) -> None:
    manifest(runs / "2026-09", *jobs)
    (runs / "2026-08").mkdir()
    (runs / "2026-08" / "run.json").write_text("{", encoding="utf-8")
    (runs / "notes.txt").write_text("mine", encoding="utf-8")
    found = Records.of(runs).find(KEY)
    assert found is not None
    assert found.folder.name == "2026-10.1"
    assert Records.of(runs / "nowhere").find(KEY) is None


def test_a_folder_that_cannot_be_written_is_said_and_leaves_nothing_half(runs: Path) -> None:
    found = Records.of(runs).find(KEY)
    assert found is not None
    new = manifest(runs / "2026-10")
    (new / "results").write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises((FileExistsError, NotADirectoryError)):
        take_over(found, new)
    assert set(everything(new)) == {"results"}
