"""The whole way on real input: one command, and every figure held against what the publisher states."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.slow

CITIES = ["Kryvyi Rih", "Lutsk", "Ternopil"]


def opsanalytics(root: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would, in a terminal without colours."""
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "NO_COLOR": "1", "COLUMNS": "200"}
    command = [sys.executable, "-m", "opsanalytics", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=root, check=False)


def run(root: Path, runs: Path, period: str, data: Path) -> Path:
    """Run a period and return its run folder; the command must end well."""
    done = opsanalytics(root, "run", period, "--data", data, "--runs", runs)
    assert done.returncode == 0, done.stdout + done.stderr
    return runs / period


@pytest.fixture(scope="module")
def municipal_run(root: Path, real: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(root, tmp_path_factory.mktemp("municipal"), "2026-05", real / "municipal")


@pytest.fixture(scope="module")
def stated(real: Path) -> dict[tuple[str, str, str], int]:
    """The publisher's totals in cents by period, city and type, and their sums for the whole."""
    totals: dict[tuple[str, str, str], int] = defaultdict(int)
    with (real / "municipal" / "control_totals.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            cents = int(Decimal(row["amount"]) * 100)
            totals[row["period"], row["site"], row["type"]] += cents
            totals[row["period"], "(all)", row["type"]] += cents
    return dict(totals)


@pytest.mark.parametrize("entity", [*CITIES, "(all)"])
@pytest.mark.parametrize("measure", ["revenue", "cost"])
@pytest.mark.parametrize(("scenario", "year"), [("AC", "2026"), ("PY", "2025")])
@pytest.mark.parametrize(("horizon", "first"), [("month", 5), ("ytd", 1)])
def test_figures_equal_the_publishers_totals(
    municipal_run: Path, stated: dict, entity: str, measure: str, scenario: str, year: str, horizon: str, first: int
) -> None:
    figures = pd.read_parquet(municipal_run / "figures.parquet")
    found = figures[
        (figures["entity"] == entity) & (figures["measure"] == measure) & (figures["scenario"] == scenario)
        & (figures["horizon"] == horizon) & (figures["period"] == "2026-05") & (figures["dimension"] == "(total)")
        & (figures["dimension2"] == "")
    ]  # fmt: skip
    expected = sum(stated[f"{year}-{month:02d}", entity, measure] for month in range(first, 6))
    assert found["cents"].tolist() == [expected]


def test_long_cyrillic_names_are_whole_in_the_report(municipal_run: Path, real: Path) -> None:
    with (real / "municipal" / "accounts.csv").open(encoding="utf-8", newline="") as file:
        longest = max((row["name"] for row in csv.DictReader(file)), key=len)
    assert len(longest) == 1087
    pages = [path.read_text(encoding="utf-8") for path in municipal_run.glob("*/01_budget_variance.html")]
    assert len(pages) == 4
    names = set()
    with (real / "municipal" / "accounts.csv").open(encoding="utf-8", newline="") as file:
        names = {row["name"] for row in csv.DictReader(file)}
    shown = {name for name in names if any(name in page for page in pages)}
    assert shown, "no account is named in any report"
    assert all("overflow-wrap" in page for page in pages), "a long word must wrap on a narrow screen"


def test_a_pack_without_comments_is_a_draft_that_says_so(municipal_run: Path) -> None:
    pack = json.loads((municipal_run / "run.json").read_text(encoding="utf-8"))["pack"]
    assert pack["status"] == "DRAFT"
    assert "DRAFT" in (municipal_run / "board_pack.html").read_text(encoding="utf-8")


def test_a_ledger_line_removed_is_missed_by_period_site_and_type(root: Path, real: Path, tmp_path: Path) -> None:
    folder = tmp_path / "municipal"
    shutil.copytree(real / "municipal", folder)
    ledger = folder / "ledger.csv"
    ledger.chmod(0o644)
    lines = ledger.read_text(encoding="utf-8").splitlines(keepends=True)
    removed = next(k for k, line in enumerate(lines) if line.startswith("LUT-C-2024-03,1,"))
    ledger.write_text("".join(lines[:removed] + lines[removed + 1 :]), encoding="utf-8")
    done = opsanalytics(root, "check", "--data", folder)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "2024-03" in said
    assert "Lutsk" in said
    assert "revenue" in said


@pytest.mark.parametrize(
    ("folder", "period", "site"),
    [("contact_centre", "2003-07", "Main"), ("emergency_department", "2016-11", "Iowa")],
)
def test_demand_and_staffing_without_a_ledger(
    root: Path, real: Path, tmp_path: Path, folder: str, period: str, site: str
) -> None:
    folder_of_run = run(root, tmp_path, period, real / folder)
    plan = json.loads((folder_of_run / "run.json").read_text(encoding="utf-8"))
    assert any("ledger" in str(off) for off in plan["plan"]["off"]), plan["plan"]["off"]
    pack = (folder_of_run / "board_pack.html").read_text(encoding="utf-8")
    assert "Budget variance" in pack
    figures = pd.read_parquet(folder_of_run / "figures.parquet")
    assert set(figures["entity"]) == {site, "(all)"}
    assert {"demand", "required_fte", "required_hours", "staff_cost"} <= set(figures["measure"])
    actual = figures[(figures["measure"] == "demand") & (figures["scenario"] == "AC")]
    assert actual["period"].max() == period


def test_what_lies_after_the_month_is_not_seen(root: Path, real: Path, tmp_path: Path) -> None:
    """The same run on data that ends with the month gives the same figures."""
    cut = tmp_path / "cut"
    shutil.copytree(real / "contact_centre", cut)
    demand = cut / "demand.csv"
    demand.chmod(0o644)
    head, *rows = demand.read_text(encoding="utf-8").splitlines(keepends=True)
    demand.write_text(head + "".join(row for row in rows if row < "2003-08"), encoding="utf-8")
    whole = run(root, tmp_path / "a", "2003-07", real / "contact_centre")
    ended = run(root, tmp_path / "b", "2003-07", cut)
    for name in ("figures", "forecasts", "staffing"):
        frames = [pd.read_parquet(folder / f"{name}.parquet") for folder in (whole, ended)]
        pd.testing.assert_frame_equal(*frames, rtol=1e-9)
