"""Rules of restatements: what changed in reported months, the bridge from the last pack to this, what is kept of it."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import adapters_restatement
from opsanalytics.batch.folder import manifest
from opsanalytics.batch.folder.prior import keep_prior, latest_prior
from opsanalytics.budget.ledger.restatement import Restatement, restatements
from opsanalytics.formats import UNASSIGNED
from opsanalytics.periods import Calendar, month_range

UNHURRIED = settings(deadline=None, max_examples=20)
CHART = pd.DataFrame(
    {
        "account": ["4000", "6000", "9000"],
        "type": ["revenue", "cost", "statistical"],
        "pl_line": ["Sales", "Pay", "Km"],
    },
    dtype="str",
)
JULY = Calendar(7)


def book(*rows: tuple[str, str, str, int]) -> pd.DataFrame:
    """A ledger summed: period, cost centre, account, cents."""
    frame = pd.DataFrame(list(rows), columns=["period", "cost_centre", "account", "amount_cents"])
    return frame.astype({"period": "str", "cost_centre": "str", "account": "str", "amount_cents": "int64"})


def compared(
    before: pd.DataFrame | None,
    now: pd.DataFrame,
    prior: str | None,
    period: str,
    calendar: Calendar = JULY,
    printed: dict[str, int] | None = None,
) -> Restatement:
    return restatements(
        before,
        now,
        period=period,
        prior_period=prior,
        calendar=calendar,
        accounts=CHART,
        printed=printed,
        types={"5999": "cost"},
    )


def bridge(found: Restatement, measure: str) -> list[tuple[str, str, int]]:
    rows = found.movement[found.movement["measure"] == measure]
    assert list(rows["step"]) == list(range(len(rows)))
    return list(zip(rows["kind"], rows["period"], rows["cents"], strict=True))


BEFORE = book(("2026-07", "C1", "4000", 100_00), ("2026-08", "C1", "4000", 200_00), ("2026-08", "C1", "6000", 50_00))
NOW = book(
    ("2026-07", "C1", "4000", 100_00),
    ("2026-08", "C1", "4000", 190_00),
    ("2026-08", "C1", "6000", 45_00),
    ("2026-08", "C2", "6000", 7_00),
    ("2026-09", "C1", "4000", 300_00),
    ("2026-09", "C1", "6000", 60_00),
)


def test_a_change_of_a_reported_month_is_listed_by_line_with_its_effect_on_the_result() -> None:
    rows = compared(BEFORE, NOW, "2026-08", "2026-09").restated
    assert rows[["period", "cost_centre", "account", "type", "pl_line", "found_in"]].to_numpy().tolist() == [
        ["2026-08", "C1", "4000", "revenue", "Sales", "both"],
        ["2026-08", "C1", "6000", "cost", "Pay", "both"],
        ["2026-08", "C2", "6000", "cost", "Pay", "now"],
    ]
    # Revenue fell by 10: adverse. Cost fell by 5 at C1: favourable; rose by 7 at C2: adverse.
    assert rows[["prior_cents", "now_cents", "change_cents", "effect_cents"]].to_numpy().tolist() == [
        [200_00, 190_00, -10_00, -10_00],
        [50_00, 45_00, -5_00, 5_00],
        [0, 7_00, 7_00, -7_00],
    ]


def test_the_bridge_keeps_restatement_and_new_month_apart() -> None:
    found = compared(BEFORE, NOW, "2026-08", "2026-09")
    assert bridge(found, "revenue") == [
        ("prior_ytd", "", 300_00),
        ("restatement", "", -10_00),
        ("new_months", "2026-09", 300_00),
        ("ytd", "", 590_00),
    ]
    # 300 - 50 = 250; -10 + 5 - 7 = -12; 300 - 60 = 240; 250 - 12 + 240 = 478.
    assert [cents for _, _, cents in bridge(found, "result")] == [250_00, -12_00, 240_00, 478_00]
    assert found.note == ""


def test_each_month_since_the_last_pack_is_a_step_and_one_without_lines_is_none() -> None:
    now = book(("2026-07", "C1", "4000", 1_00), ("2026-08", "C1", "4000", 2_00), ("2026-10", "C1", "4000", 4_00))
    found = compared(now.iloc[:1], now, "2026-07", "2026-10")
    assert [row for row in bridge(found, "revenue") if row[0] == "new_months"] == [
        ("new_months", "2026-08", 2_00),
        ("new_months", "2026-10", 4_00),
    ]


def test_a_month_that_lost_its_lines_is_listed_as_gone() -> None:
    found = compared(BEFORE, NOW.iloc[1:], "2026-08", "2026-09")
    gone = found.restated.iloc[0]
    assert (gone["period"], gone["change_cents"], gone["found_in"]) == ("2026-07", -100_00, "prior")
    assert [cents for _, _, cents in bridge(found, "revenue")] == [300_00, -110_00, 300_00, 490_00]


def test_in_another_fiscal_year_there_is_no_bridge_but_the_list() -> None:
    now = book(("2026-05", "C1", "6000", 99_00), ("2026-06", "C1", "4000", 12_00), ("2026-07", "C1", "4000", 5_00))
    before = book(("2026-05", "C1", "6000", 90_00), ("2026-06", "C1", "4000", 12_00))
    found = compared(before, now, "2026-06", "2026-07")
    assert found.movement.empty
    assert "another fiscal year" in found.note
    assert "Jun 2026" in found.note
    assert found.restated["change_cents"].tolist() == [9_00]


def test_months_older_than_the_fiscal_year_are_listed_and_are_not_in_its_bridge() -> None:
    before = pd.concat([BEFORE, book(("2025-08", "C1", "6000", 10_00))])
    now = pd.concat([NOW, book(("2025-08", "C1", "6000", 11_00))])
    found = compared(before, now, "2026-08", "2026-09")
    assert found.restated["period"].tolist() == ["2025-08", "2026-08", "2026-08", "2026-08"]
    assert dict(bridge_sums(found))["cost"] == 2_00


def bridge_sums(found: Restatement) -> list[tuple[str, int]]:
    rows = found.movement[found.movement["kind"] == "restatement"]
    return list(zip(rows["measure"], rows["cents"], strict=True))


# What the last pack printed, and what chart and structure do to it

#: 5999 was cost when the last pack was printed; CHART knows it no more, and 8000 neither.
GONE = book(*((month, "C1", account, 100_00) for month in ("2026-07", "2026-08") for account in ("6000", "5999")))
PRINTED = {"revenue": 0, "cost": 400_00, "result": -400_00}


def test_the_bridge_starts_from_what_was_printed_and_what_the_chart_lost_is_a_step_of_its_own() -> None:
    now = pd.concat([GONE, book(("2026-09", "C1", "6000", 30_00))])
    found = compared(GONE, now, "2026-08", "2026-09", printed=PRINTED)
    assert bridge(found, "cost") == [
        ("prior_ytd", "", 400_00),
        ("structure", "", -200_00),
        ("restatement", "", 0),
        ("new_months", "2026-09", 30_00),
        ("ytd", "", 230_00),
    ]
    assert found.restated.empty


def test_an_account_recoded_to_another_restates_nothing() -> None:
    recoded = GONE.assign(account=GONE["account"].replace("5999", "6100"))
    chart = pd.concat([CHART, pd.DataFrame({"account": ["6100"], "type": ["cost"], "pl_line": ["Fuel"]})])
    found = restatements(
        GONE,
        recoded,
        period="2026-08",
        prior_period="2026-08",
        calendar=JULY,
        accounts=chart,
        printed=PRINTED,
        types={"5999": "cost"},
    )
    # 200 + 200 were printed, and are 6000 and 6100 now: no step but the levels, and the list says what went where.
    assert bridge(found, "cost") == [("prior_ytd", "", 400_00), ("restatement", "", 0), ("ytd", "", 400_00)]
    assert found.restated[["account", "change_cents", "effect_cents", "kind"]].to_numpy().tolist() == 2 * [
        ["5999", -100_00, 100_00, "recoded"],
        ["6100", 100_00, -100_00, "recoded"],
    ]


def test_changes_that_only_happen_to_cancel_out_are_two_restatements() -> None:
    # A closed account's cost is reversed, and a revenue of the same size comes in late: both move the result.
    before = book(("2026-08", "C1", "5999", 50_00))
    now = book(("2026-08", "C1", "4000", 50_00))
    found = compared(before, now, "2026-08", "2026-08", printed={"revenue": 0, "cost": 50_00, "result": -50_00})
    assert [step[0] for step in bridge(found, "result")] == ["prior_ytd", "restatement", "ytd"]
    assert [cents for _, _, cents in bridge(found, "result")] == [-50_00, 100_00, 50_00]
    # Two lines that are still there moved by the same sum.
    chart = pd.concat([CHART, pd.DataFrame({"account": ["6100"], "type": ["cost"], "pl_line": ["Fuel"]})])
    before = book(("2026-08", "C1", "6000", 50_00), ("2026-08", "C1", "6100", 50_00))
    now = book(("2026-08", "C1", "6000", 45_00), ("2026-08", "C1", "6100", 55_00))
    other = restatements(before, now, period="2026-08", prior_period="2026-08", calendar=JULY, accounts=chart)
    assert set(other.restated["kind"]) == {"restated"}
    assert other.restated["effect_cents"].tolist() == [5_00, -5_00]


def test_a_late_posting_beside_a_recoded_amount_is_restated() -> None:
    before = book(("2026-08", "C1", "5999", 100_00), ("2026-08", "C2", "6000", 50_00))
    now = book(("2026-08", "C1", "6000", 100_00), ("2026-08", "C2", "6000", 57_00))
    found = compared(before, now, "2026-08", "2026-08", printed={"revenue": 0, "cost": 150_00, "result": -150_00})
    assert bridge(found, "cost") == [("prior_ytd", "", 150_00), ("restatement", "", 7_00), ("ytd", "", 157_00)]
    assert found.restated.set_index(["cost_centre", "account"])["kind"].to_dict() == {
        ("C1", "5999"): "recoded",
        ("C1", "6000"): "recoded",
        ("C2", "6000"): "restated",
    }


def test_revenue_that_became_cost_is_restated_and_not_recoded() -> None:
    before, now = (book(("2026-08", "C1", account, 9_00)) for account in ("4000", "6000"))
    found = compared(before, now, "2026-08", "2026-08", printed={"revenue": 9_00, "cost": 0, "result": 9_00})
    assert [cents for _, _, cents in bridge(found, "result")] == [9_00, -18_00, -9_00]
    assert set(found.restated["kind"]) == {"restated"}


def test_a_retyped_account_is_a_step_of_the_chart_and_restates_nothing() -> None:
    ledger = book(("2026-08", "C1", "6000", 5_00))
    found = compared(ledger, ledger, "2026-08", "2026-08", printed={"revenue": 5_00, "cost": 0, "result": 5_00})
    assert [step for step in bridge(found, "result") if step[0] == "structure"] == [("structure", "", -10_00)]
    assert found.restated.empty


def test_history_that_no_pack_reported_is_no_restatement() -> None:
    now = pd.concat([NOW, book(("2024-01", "C1", "6000", 11_00))])
    assert "2024-01" not in set(compared(BEFORE, now, "2026-08", "2026-09").restated["period"])
    since = restatements(
        BEFORE, now, period="2026-09", prior_period="2026-08", calendar=JULY, accounts=CHART, reported_since="2023-07"
    )
    assert "2024-01" in set(since.restated["period"])


def test_what_each_pack_had_not_yet_reported_is_not_looked_at() -> None:
    later = book(("2026-09", "C1", "4000", 1_00), ("2026-10", "C1", "4000", 1_00))
    plain = compared(BEFORE, NOW, "2026-08", "2026-09")
    found = compared(pd.concat([BEFORE, later]), pd.concat([NOW, later.iloc[1:]]), "2026-08", "2026-09")
    pd.testing.assert_frame_equal(found.restated, plain.restated)
    pd.testing.assert_frame_equal(found.movement, plain.movement)


def test_without_a_prior_all_is_empty_and_bears_its_columns() -> None:
    found = compared(None, NOW, None, "2026-09")
    full = compared(BEFORE, NOW, "2026-08", "2026-09")
    for name in ("restated", "movement"):
        assert getattr(found, name).empty
        assert (getattr(found, name).dtypes == getattr(full, name).dtypes).all()


def test_a_prior_that_is_later_than_the_month_is_refused() -> None:
    with pytest.raises(ValueError, match="2026-09, later than 2026-08"):
        compared(NOW, BEFORE, "2026-09", "2026-08")


def test_a_statistical_account_changes_without_effect_and_without_a_step() -> None:
    before, now = (book(("2026-07", "C1", "9000", cents)) for cents in (5, 8))
    found = compared(before, now, "2026-07", "2026-07")
    assert found.restated[["change_cents", "effect_cents"]].to_numpy().tolist() == [[3, 0]]
    assert set(found.movement["cents"]) == {0}


ROWS = st.tuples(
    st.sampled_from(month_range("2025-11", "2026-10")),
    st.sampled_from(["C1", "C2", UNASSIGNED]),
    st.sampled_from(["4000", "6000", "9000", "none such"]),
    st.integers(-(10**15), 10**15),
)


@UNHURRIED
@given(
    before=st.lists(ROWS, max_size=25),
    now=st.lists(ROWS, max_size=25),
    prior=st.sampled_from(month_range("2026-01", "2026-09")),
    start=st.integers(1, 12),
    printed=st.one_of(st.none(), st.tuples(st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15))),
    order=st.randoms(use_true_random=False),
)
def test_the_bridge_foots_whatever_changed_and_the_order_of_rows_does_not_matter(
    before: list[tuple[str, str, str, int]],
    now: list[tuple[str, str, str, int]],
    prior: str,
    start: int,
    printed: tuple[int, int] | None,
    order: object,
) -> None:
    calendar = Calendar(start)
    sides = book(*before), book(*now)
    kept = [side.copy() for side in sides]
    start_from = None
    if printed is not None:
        revenue, cost = printed
        start_from = {"revenue": revenue, "cost": cost, "result": revenue - cost}
    found = compared(*sides, prior, "2026-10", calendar, start_from)
    for side, copy in zip(sides, kept, strict=True):
        pd.testing.assert_frame_equal(side, copy)
    for measure, steps in found.movement.groupby("measure"):
        months = calendar.months("2026-10", "ytd")
        sums = {a: sum(c for m, _, b, c in now if m in months and a == b) for a in ("4000", "6000")}
        whole = {"revenue": sums["4000"], "cost": sums["6000"], "result": sums["4000"] - sums["6000"]}[str(measure)]
        assert steps["cents"].iloc[-1] == whole
        assert sum(map(int, steps["cents"].iloc[:-1])) == whole
        assert start_from is None or steps["cents"].iloc[0] == start_from[str(measure)]
    steps = found.movement[(found.movement["kind"] == "restatement") & (found.movement["measure"] == "result")]
    to_date = found.restated[found.restated["period"].isin(calendar.months(prior, "ytd"))]
    assert steps.empty or sum(map(int, steps["cents"])) == sum(map(int, to_date["effect_cents"]))
    for rows in (before, now):
        order.shuffle(rows)  # type: ignore[attr-defined]
    again = compared(book(*before), book(*now), prior, "2026-10", calendar, start_from)
    pd.testing.assert_frame_equal(again.restated, found.restated)
    pd.testing.assert_frame_equal(again.movement, found.movement)


def test_the_adapter_keeps_a_cases_shape() -> None:
    runs = {
        "run1": {"2026-01": {"a": 10, "b": 4}, "2026-02": {"a": 5}},
        "run2": {"2026-01": {"a": 12.5, "b": 4}, "2026-03": {"a": 1}},
        "account_type": "cost",
    }
    found = adapters_restatement.ADAPTERS["restatement"](runs)
    assert found["restatement"] == {"2026-01": {"a": 2.5, "b": 0}, "2026-02": {"a": -5}}
    expected = {"prior_ytd": 19, "restatement": -2.5, "current_month": 1, "ytd": 17.5}
    assert {name: found["movement_bridge"][name] for name in expected} == expected
    assert found["ytd_now"] == 17.5


# ------------------------------------------------------------------ what is kept of the last pack


def a_run(runs: Path, name: str, state: str = "done", started: str = "2026-10-01T08:00:00+00:00") -> Path:
    """Write a run folder that holds a manifest and inputs."""
    folder = runs / name
    (folder / "inputs").mkdir(parents=True)
    process = {"id": 1, "started": None}
    content = {"schema": 1, "period": name[:7], "state": state, "process": process, "started": started}
    manifest.write_json(folder / manifest.FILE, {**content, "jobs": [], "seconds": 1.0, "pack": None})
    return folder


def test_the_last_packs_ledger_is_kept_as_summed_up_to_its_month(tmp_path: Path) -> None:
    prior = a_run(tmp_path / "runs [old]", "2026-08")
    rows = (
        "('2026-07', 'C1', '6000', 100, false), ('2026-07', 'C1', '6000', 25, true), "
        "('2026-08', 'C1', '6000', -7, false), ('2026-09', 'C1', '6000', 1, false)"
    )
    target = str(tmp_path / "ledger.parquet")
    columns = "period, cost_centre, account, amount_cents, one_off"
    with duckdb.connect() as con:
        con.sql(f"SELECT * FROM (VALUES {rows}) AS t({columns})").write_parquet(target)
    (tmp_path / "ledger.parquet").rename(prior / "inputs" / "ledger.parquet")
    pd.DataFrame({"cents": [1]}).to_parquet(prior / "outlook.parquet")
    settings = json.dumps({"currency": "EUR", "minor_digits": 2})
    (prior / "inputs" / "settings.json").write_text(settings, encoding="utf-8")
    keep_prior(prior, tmp_path / "now")
    kept = tmp_path / "now" / "inputs" / "prior"
    assert {path.name for path in kept.iterdir()} == {"run.parquet", "actuals.parquet", "outlook.parquet"}
    assert pd.read_parquet(kept / "actuals.parquet").to_numpy().tolist() == [
        ["2026-07", "C1", "6000", 125, 25],
        ["2026-08", "C1", "6000", -7, 0],
    ]
    assert pd.read_parquet(kept / "run.parquet").to_numpy().tolist() == [
        ["2026-08", "2026-08", "EUR", 2, "as_posted", "with"]
    ]


def test_a_run_of_an_older_version_lends_what_it_has(tmp_path: Path) -> None:
    prior = a_run(tmp_path, "2026-08")
    (prior / "inputs" / "ledger.parquet").write_bytes(b"PAR1 of which half is lost")
    keep_prior(prior, tmp_path / "now")
    assert [path.name for path in (tmp_path / "now" / "inputs" / "prior").iterdir()] == ["run.parquet"]


def test_the_prior_is_the_latest_finished_run_of_an_earlier_month_also_when_a_month_is_run_again(
    tmp_path: Path,
) -> None:
    a_run(tmp_path, "2026-07")
    a_run(tmp_path, "2026-08.1", started="2026-10-01T08:00:00+00:00")
    a_run(tmp_path, "2026-08", state="failed", started="2026-10-02T08:00:00+00:00")
    assert latest_prior(tmp_path, "2026-09") == tmp_path / "2026-08.1"
    a_run(tmp_path, "2026-09", started="2026-10-03T08:00:00+00:00")
    assert latest_prior(tmp_path, "2026-09") == tmp_path / "2026-08.1"


def comments(period: str, *items: str, text: str) -> pd.DataFrame:
    columns = {"entity": "(all)", "period": period, "measure": "variance", "dimension": "pl_line"}
    return pd.DataFrame({"item": list(items)}).assign(**columns, text=text)


def test_comments_are_kept_from_pack_to_pack_and_a_newer_one_replaces_an_older(tmp_path: Path) -> None:
    july, august, september = (a_run(tmp_path, f"2026-0{month}") for month in (7, 8, 9))
    comments("2026-07", "Pay", "Fuel", text="in July").to_parquet(july / "inputs" / "commentary.parquet")
    now = pd.concat([comments("2026-08", "Pay", text="in August"), comments("2026-07", "Fuel", text="corrected")])
    now.to_parquet(august / "inputs" / "commentary.parquet")
    keep_prior(july, august)
    keep_prior(august, september)
    kept = pd.read_parquet(september / "inputs" / "prior" / "commentary.parquet")
    assert set(kept[["period", "item", "text"]].itertuples(index=False, name=None)) == {
        ("2026-07", "Pay", "in July"),
        ("2026-07", "Fuel", "corrected"),
        ("2026-08", "Pay", "in August"),
    }


def reporting(run: Path, *, currency: str = "EUR", cents: int = 1, entity: str = "(all)") -> Path:
    """Give a run the figures of a budget variance, an outlook and its currency."""
    pd.DataFrame({"report": ["budget_variance"], "entity": [entity]}).to_parquet(run / "figures.parquet")
    pd.DataFrame({"cents": [cents] if entity == "(all)" else []}).to_parquet(run / "outlook.parquet")
    settings = json.dumps({"currency": currency, "minor_digits": 2})
    (run / "inputs" / "settings.json").write_text(settings, encoding="utf-8")
    return run


def test_a_month_run_again_in_part_does_not_hide_its_whole_record(tmp_path: Path) -> None:
    reporting(a_run(tmp_path, "2026-08.1", started="2026-10-01T08:00:00+00:00"), cents=5)
    again = reporting(a_run(tmp_path, "2026-08", started="2026-10-02T08:00:00+00:00"), entity="Cork")
    keep_prior(again, tmp_path / "now")
    kept = tmp_path / "now" / "inputs" / "prior"
    assert pd.read_parquet(kept / "outlook.parquet")["cents"].tolist() == [5]
    assert pd.read_parquet(kept / "figures.parquet")["entity"].tolist() == ["(all)"]
    assert pd.read_parquet(kept / "run.parquet")["name"].tolist() == ["2026-08.1"]


def test_a_record_in_another_currency_than_the_last_packs_is_not_kept(tmp_path: Path) -> None:
    reporting(a_run(tmp_path, "2026-07"), currency="USD")
    last = reporting(a_run(tmp_path, "2026-08"))
    (last / "outlook.parquet").unlink()
    keep_prior(last, tmp_path / "now")
    assert not (tmp_path / "now" / "inputs" / "prior" / "outlook.parquet").exists()


def test_the_last_packs_view_is_on_record(tmp_path: Path) -> None:
    last = reporting(a_run(tmp_path, "2026-08"))
    content = manifest.read_manifest(last)
    assert content is not None
    asked = {"01_budget_variance": {"structure": "as_current", "one_offs": "without"}}
    manifest.write_json(last / manifest.FILE, {**content, "plan": {"parameters": asked}})
    keep_prior(last, tmp_path / "now")
    run = pd.read_parquet(tmp_path / "now" / "inputs" / "prior" / "run.parquet")
    assert run[["structure", "one_offs"]].to_numpy().tolist() == [["as_current", "without"]]
