"""Results on record: what is saved comes back, and the figures of a run stand once, in one form."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

import small_variance
from opsanalytics import results, sources
from opsanalytics.budget import BudgetVariance
from opsanalytics.formats import ALL, TOTAL

PERIOD = "2026-10"
MILL = {
    "accounts": """account,name,type,pl_line,behaviour
4000,Sales,revenue,Sales,variable
6000,Pay,cost,Pay,fixed
""",
    "cost_centres": """cost_centre,valid_from,name,department,site
A,2026-01-01,Mill,Mill,Mill
B,2026-01-01,Head,Head,
""",
    "ledger": """document,line,posted_on,period,cost_centre,account,amount
1,1,2026-01-31,2026-01,A,4000,100.10
1,2,2026-01-31,2026-01,A,6000,40.05
1,3,2026-01-31,2026-01,B,6000,7.02
""",
    "budget": """version,period,cost_centre,account,amount
original,2026-01,A,4000,90
original,2026-01,B,6000,5
""",
}


@pytest.fixture(scope="module")
def inputs(sample: Path) -> sources.Inputs:
    return sources.read(sample)


@pytest.fixture(scope="module")
def variance_of(inputs: sources.Inputs) -> Callable[[str], BudgetVariance]:
    """The variance of an entity, which takes a second: computed for the first test that asks."""
    return cache(lambda entity: results.variance(inputs, PERIOD, entity))


@pytest.fixture(scope="module")
def cork_forecast(inputs: sources.Inputs):
    return results.forecast(inputs, PERIOD, "Cork")


def test_an_empty_run_folder_saves_nothing(variance_of, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    results.save(variance_of("Cork"), "")
    assert list(tmp_path.iterdir()) == []


def test_a_forecast_on_record_comes_back_as_it_was(inputs: sources.Inputs, cork_forecast, tmp_path: Path) -> None:
    results.save(cork_forecast, tmp_path)
    back = results.forecast(inputs, PERIOD, "Cork", tmp_path)
    for name in ("history", "forecasts", "backtest", "accuracy", "monthly"):
        pd.testing.assert_frame_equal(getattr(back, name), getattr(cork_forecast, name))
    assert back.notes == cork_forecast.notes


def test_figures_have_one_row_for_each_key(variance_of, cork_forecast) -> None:
    found = [results.figures(variance_of("Cork")), results.figures(cork_forecast)]
    for figures in found:
        assert list(figures.columns) == results.COLUMNS
        assert not figures.duplicated(results.KEY).any()
        assert (figures["unit"] != "").all()
        assert (figures["table"] != "").all()


def test_money_stands_exactly_in_cents_and_as_its_value(variance_of) -> None:
    figures = results.figures(variance_of(ALL))
    money = figures[figures["unit"] == "EUR"]
    assert money["cents"].notna().all()
    assert (money["value"] * 100 - money["cents"].astype("float64")).abs().max() < 0.01
    assert figures.loc[figures["unit"] != "EUR", "cents"].isna().all()


def test_the_figures_of_the_sites_sum_to_those_of_the_whole(inputs: sources.Inputs, variance_of) -> None:
    parts = {entity: results.figures(variance_of(entity)) for entity in inputs.entities()}

    def total(entity: str) -> pd.Series:
        frame = parts[entity]
        frame = frame[(frame["dimension"] == TOTAL) & frame["measure"].isin(["revenue", "cost", "result"])]
        return frame[frame["scenario"] != "FC"].set_index(["period", "horizon", "measure", "scenario"])["cents"]

    sites = sum(total(entity) for entity in inputs.entities() if entity != ALL)
    pd.testing.assert_series_equal(sites, total(ALL), check_names=False)


@pytest.fixture
def mill(tmp_path: Path) -> Path:
    """One site, and a cost centre that belongs to none."""
    folder = tmp_path / "mill"
    folder.mkdir()
    tables = {
        "accounts": [
            "account,name,type,pl_line,behaviour",
            "4000,Sales,revenue,Sales,variable",
            "6000,Pay,cost,Pay,fixed",
        ],
        "cost_centres": [
            "cost_centre,valid_from,name,department,site",
            "A,2026-01-01,Mill,Mill,Mill",
            "B,2026-01-01,Head,Head,",
        ],
        "ledger": [
            "document,line,posted_on,period,cost_centre,account,amount",
            "1,1,2026-01-31,2026-01,A,4000,100.10",
            "1,2,2026-01-31,2026-01,A,6000,40.05",
            "1,3,2026-01-31,2026-01,B,6000,7.02",
        ],
        "budget": [
            "version,period,cost_centre,account,amount",
            "original,2026-01,A,4000,90",
            "original,2026-01,B,6000,5",
        ],
    }
    for name, lines in tables.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_what_has_no_site_is_in_the_figures_so_that_the_entities_sum_to_the_whole(mill: Path, tmp_path: Path) -> None:
    inputs = sources.read(mill)
    for run_dir in ("", tmp_path / "run"):
        if run_dir:
            for entity in inputs.entities():
                results.save(results.variance(inputs, "2026-01", entity), run_dir)
            results.merge(run_dir, inputs, "2026-01")
        figures = results.collect(inputs, "2026-01", run_dir).figures
        cost = figures[
            (figures["measure"] == "cost") & (figures["scenario"] == "AC") & (figures["horizon"] == "month")
            & (figures["dimension"] == TOTAL)
        ]  # fmt: skip
        assert dict(zip(cost["entity"], cost["cents"], strict=True)) == {"Mill": 4005, "(unassigned)": 702, ALL: 4707}


def test_with_one_site_the_figures_carry_both_names(mill: Path, tmp_path: Path) -> None:
    ledger = mill / "ledger.csv"
    ledger.write_text(
        ledger.read_text(encoding="utf-8").replace(",B,", ",A,").replace("1,3,", "1,4,"), encoding="utf-8"
    )
    budget = mill / "budget.csv"
    budget.write_text(budget.read_text(encoding="utf-8").replace(",B,", ",A,"), encoding="utf-8")
    inputs = sources.read(mill)
    assert inputs.entities() == ["Mill", ALL]
    results.save(results.variance(inputs, "2026-01", "Mill"), tmp_path / "run")
    merged = results.merge(tmp_path / "run", inputs, "2026-01").figures
    of_site, of_all = (merged[merged["entity"] == entity].drop(columns="entity") for entity in ("Mill", ALL))
    assert not of_all.empty
    pd.testing.assert_frame_equal(of_site.reset_index(drop=True), of_all.reset_index(drop=True))


@pytest.mark.parametrize(("entities", "left"), [(("Cork",), set()), ((ALL, "Cork"), {"Cork", "Mill"})])
def test_forecasts_are_left_to_the_next_run_of_the_whole_company_only(
    mill: Path, tmp_path: Path, entities: tuple[str, ...], left: set[str]
) -> None:
    for name, line in (("cost_centres", "C,2026-01-01,Cork,Cork,Cork"), ("ledger", "9,1,2026-01-31,2026-01,C,6000,5")):
        path = mill / f"{name}.csv"
        path.write_text(path.read_text(encoding="utf-8").replace(",B,", ",A,") + line + "\n", encoding="utf-8")
    ledger = mill / "ledger.csv"
    ledger.write_text(ledger.read_text(encoding="utf-8").replace("1,3,", "1,4,"), encoding="utf-8")
    inputs = sources.read(mill)
    for entity in entities:
        results.save(results.variance(inputs, "2026-01", entity), tmp_path / "run")
    results.merge(tmp_path / "run", inputs, "2026-01")
    assert set(pd.read_parquet(tmp_path / "run" / "outlook.parquet")["site"]) == left


def test_merged_parts_are_the_files_of_the_run_folder(inputs: sources.Inputs, cork_forecast, tmp_path: Path) -> None:
    results.save(cork_forecast, tmp_path)
    merged = results.merge(tmp_path, inputs, PERIOD)
    again = results.collect(inputs, PERIOD, tmp_path)
    pd.testing.assert_frame_equal(merged.figures, again.figures)
    assert len(again.forecasts) == len(cork_forecast.forecasts)
    assert again.staffing.empty


def test_a_run_without_any_result_still_has_a_table_of_figures(inputs: sources.Inputs, tmp_path: Path) -> None:
    assert list(results.merge(tmp_path, inputs, PERIOD).figures.columns) == results.COLUMNS


def test_a_period_before_any_demand_says_so(inputs: sources.Inputs) -> None:
    with pytest.raises(LookupError, match="no demand up to 2020-01"):
        results.sites_with_demand(inputs, "2020-01")


def test_a_month_without_lines_is_said_in_the_figures_with_the_variance_of_the_others(mill: Path) -> None:
    ledger = MILL["ledger"] + "2,1,2026-03-31,2026-03,A,4000,100.00\n"
    plan = MILL["budget"] + "original,2026-02,A,4000,90\noriginal,2026-03,A,4000,90\n"
    (mill / "ledger.csv").write_text(ledger, encoding="utf-8")
    (mill / "budget.csv").write_text(plan, encoding="utf-8")
    figures = results.figures(results.variance(sources.read(mill), "2026-03", "Mill"))
    revenue = figures[(figures["horizon"] == "ytd") & (figures["item2"] == "revenue") & (figures["dimension"] == TOTAL)]
    values = revenue[revenue["reference"] == "PL"].set_index("measure")["value"]
    assert values["complete"] == 0
    assert values["variance"] == pytest.approx(-69.90), "200.10 of 270, the plan of February included"
    assert values["variance_like_for_like"] == pytest.approx(20.10), "January and March alone"


def test_ledger_lines_whose_numbers_hold_commas_are_figures_of_their_own() -> None:
    lines = [("D, 1", "2"), ("D", "1, 2"), ('D"', "1"), ("D1", "2")]
    first = small_variance.whole().largest.iloc[[0] * len(lines)]
    documents, numbers = zip(*lines, strict=True)
    largest = first.assign(document=documents, line=numbers, rank=range(1, len(lines) + 1))
    figures = results.figures(small_variance.whole(largest=largest))
    keys = figures.loc[figures["measure"] == "largest_line", "item2"]
    assert keys.is_unique
    assert "D1, 2" in set(keys), "what holds none is written as it is"
    assert not figures.duplicated(results.KEY).any()


def test_a_movement_stands_at_the_reporting_month_and_a_new_month_at_its_own() -> None:
    movement = small_variance.whole().movement
    new = movement["kind"] == "new_months"
    earlier = movement[new].assign(period="2026-01")
    figures = results.figures(small_variance.whole(movement=pd.concat([movement, earlier])))
    moved = figures[figures["measure"] == "movement"]
    assert set(moved.loc[moved["item2"] != "new_months", "period"]) == {small_variance.PERIOD}
    assert set(moved.loc[moved["item2"] == "new_months", "period"]) == {"2026-01", "2026-02"}
    assert not moved.duplicated(results.KEY).any()


def test_what_was_only_recoded_is_no_restatement_among_the_figures() -> None:
    restated = small_variance.whole().restated
    recoded = restated.assign(account="6999", pl_line="Fuel", kind="recoded", effect_cents=0)
    figures = results.figures(small_variance.whole(restated=pd.concat([restated, recoded])))
    found = figures[figures["measure"].isin(["restatement", "recoding"])].set_index("measure")["item"]
    assert found.to_dict() == {"restatement": "Payroll", "recoding": "Fuel"}


def test_without_a_ledger_the_rest_is_collected(tmp_path: Path) -> None:
    days = "\n".join(f"{day:%Y-%m-%d},Mill,Loads,5" for day in pd.date_range("2026-01-01", "2026-03-31"))
    (tmp_path / "demand.csv").write_text(f"ds,site,service,volume\n{days}\n", encoding="utf-8")
    figures = results.collect(sources.read(tmp_path), "2026-03").figures
    assert set(figures["report"]) == {"seasonal_demand"}
