"""The page of all runs: what it says of every run, that its links lead somewhere, and that data stays text."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from opsanalytics.batch import runs_page
from test_comparison import changed, write_run

VARIANCE, DEMAND, PACK = "01_budget_variance", "02_seasonal_demand", "04_board_pack"
VOID = {"meta", "link", "br", "img", "input", "hr", "rect"}


class Page(HTMLParser):
    """A page as a reader meets it: its tags with their attributes, its words, and whether each tag is closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words = ""
        self._open: list[str] = []
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)
        self.close()
        assert self._open == [], "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.words += data

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]


def job(notebook: str, entity: str, state: str = "done", **given: Any) -> dict[str, Any]:
    """A job of a manifest."""
    shown = {"reason": "", "cell": None, "seconds": 12.0 if state == "done" else None}
    return {"id": f"{notebook} {entity}", "notebook": notebook, "entity": entity, "state": state, **shown, **given}


def add_run(runs: Path, name: str, jobs: list[dict[str, Any]], **given: Any) -> Path:
    """Write a run with a page for each notebook that is done."""
    entities = list(dict.fromkeys(entry["entity"] for entry in jobs))
    places = {entity: f"place {k}" for k, entity in enumerate(entities)}
    usual: dict[str, Any] = {"period": name[:7], "reason": "", "pack": None, "plan": {"folders": places}}
    usual |= {"finished": None, "process": {"id": 0, "started": 1.0}}
    folder = write_run(runs / name, given.pop("rows", None), jobs=jobs, **usual | given)
    for entry in jobs:
        path = folder / places[entry["entity"]] / f"{entry['notebook']}.html"
        path.parent.mkdir(exist_ok=True)
        if entry["state"] == "done":
            path.write_text("a page", encoding="utf-8")
    return folder


EVIL = "<script>alert(1)</script>"
LONG = "Distribution centre " * 20


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A runs folder with a run of each state, and with folders that are none."""
    jobs = [job(VARIANCE, "Cork"), job(DEMAND, "Cork", seconds=75.4), job(VARIANCE, "(all)"), job(PACK, "(all)")]
    folder = add_run(tmp_path, "2026-10", jobs, pack={"page": "board_pack.html", "status": "FINAL"})
    for ending in ("html", "pdf", "xlsx"):
        (folder / f"board_pack.{ending}").write_text("a pack", encoding="utf-8")
    lost = job(DEMAND, EVIL, "failed", reason="KeyError: <b>'y'</b>", cell=7, seconds=3.0, attempts=2)
    skipped = job(VARIANCE, LONG, "skipped", reason="it needs another")
    failed = [job(VARIANCE, "Київ"), lost, skipped, job(PACK, "(all)", "failed", reason="No space left on device")]
    folder = add_run(tmp_path, "2026-09", failed, state="failed")
    (folder / "place 1" / f"{DEMAND}.log").write_text("what it said", encoding="utf-8")
    (folder / "place 1" / f"{DEMAND}.failed.ipynb").write_text("{}", encoding="utf-8")
    stopped = [job(VARIANCE, "Cork"), job(DEMAND, "Cork", "running")]
    add_run(tmp_path, "2026-08", stopped, state="interrupted", reason="the run was stopped", seconds=None)
    (tmp_path / "2026-07").mkdir()
    (tmp_path / "2026-07" / "run.json").write_text('{"schema": 2, "peri', encoding="utf-8")
    (tmp_path / "notes <i>").mkdir()
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def test_every_run_is_there_with_its_state_in_words_the_newest_period_first(runs: Path) -> None:
    page = Page(runs_page.write(runs))
    overview = page.words[page.words.index("Every run") : page.words.index("Figures changed: against")]
    assert re.findall(r"(2026-\d\d)\s*(done|failed|interrupted)", overview) == [
        ("2026-10", "done"),
        ("2026-09", "failed"),
        ("2026-08", "interrupted"),
    ]
    assert "Oct 2026" in overview
    assert "3 runs of 3 periods. The latest, Oct 2026: done." in page.words
    assert "the run was stopped" in page.words
    assert "3 Oct 2026, 05:00 UTC" in page.words
    assert "1 min 15 s" in page.words


def test_every_link_is_relative_and_leads_to_a_file_or_a_place_of_the_page(runs: Path) -> None:
    page = Page(runs_page.write(runs))
    places = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(places) == len(set(places))
    hrefs = [attributes["href"] for attributes in page.all("a")]
    for href in hrefs:
        if href.startswith("#"):
            assert href[1:] in places
        else:
            assert (runs / unquote(href)).is_file(), href
            assert ":" not in href
            assert not href.startswith("/")
    assert {"2026-10/board_pack.html", "2026-10/board_pack.pdf", "2026-10/board_pack.xlsx"} <= set(hrefs)
    assert f"2026-10/place%200/{DEMAND}.html" in hrefs
    assert {f"2026-09/place%201/{DEMAND}.failed.ipynb", f"2026-09/place%201/{DEMAND}.log"} <= set(hrefs)


def test_names_and_reasons_from_the_data_are_text(runs: Path) -> None:
    page = Page(runs_page.write(runs))
    assert page.all("script") == page.all("b") == page.all("i") == []
    assert f"{EVIL} 1 failed" in page.words
    assert "KeyError: <b>'y'</b>; cell 7; 2 attempts" in page.words
    assert "Київ" in page.words
    assert LONG.strip() in page.words
    assert "none (failed: No space left on device)" in page.words


def test_the_page_opens_offline_and_runs_nothing(runs: Path) -> None:
    page = Page(runs_page.write(runs))
    assert {"script", "link", "img", "iframe"}.isdisjoint({tag for tag, _ in page.tags})
    assert not re.search(r"https?://|@import|url\(", page.text)
    assert any("default-src 'none'" in meta.get("content", "") for meta in page.all("meta"))


def test_tables_headings_and_regions_are_labelled(runs: Path) -> None:
    page = Page(runs_page.write(runs))
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("table")) == len(page.all("caption")) > 1
    assert all(head.get("scope") in ("col", "row", "rowgroup") for head in page.all("th"))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(svg.get("aria-hidden") == "true" for svg in page.all("svg")), "the time stands beside each bar"
    assert "focus-visible" in page.text


def test_half_a_manifest_and_a_folder_without_one_are_named(runs: Path) -> None:
    page = Page(runs_page.write(runs))
    assert "2026-07: its run.json cannot be read" in page.words
    assert "notes <i>: it has no run.json" in page.words
    assert ".hidden" not in page.words


def test_what_a_dead_run_had_not_finished_is_shown_as_interrupted(tmp_path: Path) -> None:
    jobs = [job(VARIANCE, "Cork"), job(DEMAND, "Cork", "running"), job(VARIANCE, "(all)", "pending")]
    add_run(tmp_path, "2026-10", jobs, state="running", seconds=None, process={"id": 2**30, "started": 1.0})
    page = Page(runs_page.write(tmp_path))
    assert "1 done and 2 interrupted" in page.words
    assert not re.search(r"\b(running|pending)\b", page.words)


def test_an_empty_runs_folder_has_a_page_that_says_so(tmp_path: Path) -> None:
    page = Page(runs_page.write(tmp_path))
    assert "There is no run in this folder yet." in page.words
    assert page.all("table") == []


def test_the_same_runs_give_the_same_bytes_and_nothing_is_left_beside_the_page(runs: Path) -> None:
    first = runs_page.write(runs).read_bytes()
    before = {path.name for path in runs.iterdir()}
    assert runs_page.write(runs).read_bytes() == first
    assert {path.name for path in runs.iterdir()} == before
    assert not list(runs.glob("*.part")) + list(runs.glob(".*.part"))


def test_figures_changed_are_counted_against_the_finished_run_of_the_period_before(tmp_path: Path) -> None:
    jobs = [job(VARIANCE, "Cork")]
    add_run(tmp_path, "2026-09", jobs, started="2026-10-01T00:00:00+00:00")
    add_run(tmp_path, "2026-10.1", jobs, started="2026-11-01T00:00:00+00:00")
    add_run(tmp_path, "2026-10.2", jobs, started="2026-11-02T00:00:00+00:00", state="failed", rows=changed(0))
    add_run(tmp_path, "2026-10.3", jobs, started="2026-11-03T00:00:00+00:00", rows=changed(0, 2))
    add_run(tmp_path, "2026-10", jobs, started="2026-11-04T00:00:00+00:00", rows=changed(0, 2))
    page = Page(runs_page.write(tmp_path))
    said = re.findall(r"Figures changed(none since 2026-10\.3|2 since 2026-10\.1|n\.a\.)\s", page.words)
    assert said == ["none since 2026-10.3", "2 since 2026-10.1", "n.a.", "n.a.", "n.a."]


def test_two_runs_are_compared_once_whatever_they_are_called_by_then(tmp_path: Path) -> None:
    jobs = [job(VARIANCE, "Cork")]
    add_run(tmp_path, "2026-10.1", jobs, started="2026-11-01T00:00:00+00:00")
    add_run(tmp_path, "2026-10", jobs, started="2026-11-02T00:00:00+00:00", rows=changed(0))
    runs_page.write(tmp_path)
    (tmp_path / "2026-10").rename(tmp_path / "2026-10.2")
    figures = tmp_path / "2026-10.2" / "figures.parquet"
    held = figures.read_bytes()
    figures.write_bytes(b"PAR1")  # compared again, it would not be known
    assert "1 since 2026-10.1" in Page(runs_page.write(tmp_path)).words
    (tmp_path / runs_page.CHANGES).write_text("[half", encoding="utf-8")
    assert "not known: " in Page(runs_page.write(tmp_path)).words
    figures.write_bytes(held)
    assert "1 since 2026-10.1" in Page(runs_page.write(tmp_path)).words
    assert list(json.loads((tmp_path / runs_page.CHANGES).read_text(encoding="utf-8")).values()) == [1]


def test_a_page_that_cannot_be_written_is_an_error_and_leaves_no_half(tmp_path: Path) -> None:
    (tmp_path / runs_page.PAGE).mkdir()
    with pytest.raises(OSError, match=re.escape(runs_page.PAGE)):
        runs_page.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [runs_page.PAGE]


def luminance(colour: str) -> float:
    """The relative luminance of a colour (WCAG 2.2, definition of relative luminance)."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_text_has_the_contrast_of_level_aa(tmp_path: Path, theme: int) -> None:
    styles = re.findall(r":root \{(.*?)\}", Page(runs_page.write(tmp_path)).text, flags=re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", styles[theme]))
    pairs = [(ink, back) for ink in ("ink", "soft", "accent") for back in ("paper", "raised")]
    pairs += [("bad", "paper"), ("bad", "bad-back"), ("good", "good-back")]
    for ink, back in pairs:
        dark, light = sorted((luminance(colours[ink]), luminance(colours[back])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, back)
