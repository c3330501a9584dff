"""Comparing two runs: which figures differ, what they are attributed to, and which input rows changed.

The run folders here are written by hand, with the manifest's schema 2; one test compares real runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsanalytics import batch
from opsanalytics.batch.comparison import Comparison, compare, lines
from opsanalytics.batch.comparison.figures import differing
from opsanalytics.batch.comparison.rows import LISTED, differing_rows
from opsanalytics.batch.folder.manifest import this_process
from opsanalytics.results import COLUMNS, KEY

VARIANCE, DEMAND, STAFFING = "01_budget_variance", "02_seasonal_demand", "03_staffing_forecast"
REPORTS = {VARIANCE: "budget_variance", DEMAND: "seasonal_demand", STAFFING: "staffing_forecast"}


def figure(notebook: str = VARIANCE, entity: str = "Cork", *, cents: int | None = None, **given: Any) -> dict[str, Any]:
    """One figure: money when `cents` is given, else a number."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
    row |= {"report": REPORTS[notebook], "entity": entity, "period": "2026-09", "horizon": "month", "measure": "amount"}
    row |= {"scenario": "AC", "quantile": np.nan, "table": "ledger", "unit": "hours", "value": 0.0, "cents": cents}
    if cents is not None:
        row |= {"value": cents / 100, "unit": "EUR"}
    return row | given


def figures(*rows: Mapping[str, Any]) -> pd.DataFrame:
    """The figures table of these rows."""
    frame = pd.DataFrame(list(rows), columns=COLUMNS)
    kinds = {"cents": "Int64", "value": "float64", "quantile": "float64"}
    return frame.astype({name: kinds.get(name, "str") for name in COLUMNS})


#: The figures that every run below has: one for each job.
USUAL = [
    figure(VARIANCE, "Cork", cents=100_00),
    figure(VARIANCE, "(all)", cents=300_00),
    figure(DEMAND, "Cork", value=50.0),
    figure(STAFFING, "Cork", value=7.5),
]


def job(notebook: str, entity: str, **given: Any) -> dict[str, Any]:
    """A done job of a manifest; `given` may replace its parts."""
    parts = dict.fromkeys(("notebook", "parameters", "settings", "prior", "code", "versions"), "0")
    read = ("ledger", "budget") if notebook == VARIANCE else ("demand",)
    parts |= {f"table {name}": "0" for name in read}
    if notebook == STAFFING:
        parts[f"need {DEMAND} {entity}"] = "0"
    state = {"state": "done", "reason": "", "parts": parts | given.pop("parts", {})}
    return {"id": f"{notebook} {entity}", "notebook": notebook, "entity": entity, **state, **given}


def usual_jobs(**parts: Mapping[str, str]) -> list[dict[str, Any]]:
    """The jobs of the usual figures; `parts` of each by its notebook's first letters and entity, as in `v_Cork`."""
    places = {"v_Cork": (VARIANCE, "Cork"), "v_all": (VARIANCE, "(all)"), "d_Cork": (DEMAND, "Cork")}
    places |= {"s_Cork": (STAFFING, "Cork")}
    return [job(*place, parts=dict(parts.get(name, {}))) for name, place in places.items()]


def write_run(
    folder: Path,
    rows: list[dict[str, Any]] | None = None,
    *,
    jobs: list[dict[str, Any]] | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
    settings: Mapping[str, Any] | None = None,
    plan: Mapping[str, Any] | None = None,
    **given: Any,
) -> Path:
    """Write a finished run's folder."""
    inputs = folder / "inputs"
    inputs.mkdir(parents=True)
    figures(*(USUAL if rows is None else rows)).to_parquet(folder / "figures.parquet", index=False)
    for name, frame in (tables or {}).items():
        frame.to_parquet(inputs / f"{name}.parquet", index=False)
    (inputs / "settings.json").write_text(json.dumps({"minor_digits": 2, **(settings or {})}), encoding="utf-8")
    decided: dict[str, Any] = {"parameters": {}, "inputs": [], "versions": {"pandas": "3.0.1", "opsanalytics": "1.0"}}
    decided |= {"code": {"revision": "aaaaaaaaaa", "clean": True}, **(plan or {})}
    manifest = {
        "schema": 2, "period": "2026-09", "state": "done", "started": "2026-10-03T05:00:00+00:00", "seconds": 60.0,
        "process": {"id": 1, "started": 1.0}, "plan": decided, "jobs": usual_jobs() if jobs is None else jobs,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(manifest | given), encoding="utf-8")
    return folder


def compared(tmp_path: Path, a: Mapping[str, Any], b: Mapping[str, Any]) -> Comparison:
    """Compare two runs that are written as said."""
    return compare(write_run(tmp_path / "a", **a), write_run(tmp_path / "b", **b))


def changed(*which: int) -> list[dict[str, Any]]:
    """The usual figures, those at these places one unit larger."""
    rows = [dict(row) for row in USUAL]
    for place in which:
        rows[place]["value"] += 1
        if rows[place]["cents"] is not None:
            rows[place]["cents"] += 100
    return rows


# ------------------------------------------------------------------ figures


@pytest.mark.parametrize(
    ("a", "b", "differs"),
    [
        pytest.param({"cents": 5}, {"cents": 5}, False, id="the same money"),
        pytest.param({"cents": 2**62}, {"cents": 2**62 + 1}, True, id="a cent, however large the money"),
        pytest.param({"cents": 0}, {"cents": None, "unit": "EUR"}, True, id="missing money is not zero"),
        pytest.param({"cents": 5}, {"cents": 5, "unit": "USD"}, True, id="another currency"),
        pytest.param({"value": 1e6}, {"value": 1e6 + 5e-4}, False, id="within a billionth of the larger"),
        pytest.param({"value": 1e6}, {"value": 1e6 + 2e-3}, True, id="beyond a billionth of the larger"),
        pytest.param({"value": 0.0}, {"value": 5e-10}, False, id="within the absolute tolerance of zero"),
        pytest.param({"value": 0.0}, {"value": 5e-9}, True, id="beyond the absolute tolerance of zero"),
        pytest.param({"value": np.nan}, {"value": np.nan}, False, id="missing equals missing"),
        pytest.param({"value": np.nan}, {"value": 0.0}, True, id="missing is not zero"),
        pytest.param({"value": np.inf}, {"value": np.inf}, False, id="infinite equals infinite"),
        pytest.param({"value": np.inf}, {"value": -np.inf}, True, id="infinite has a sign"),
        pytest.param({"value": np.inf}, {"value": 1.0}, True, id="infinite is near to nothing"),
        pytest.param({"value": 1.0, "table": "x"}, {"value": 1.0}, False, id="the table is no figure"),
    ],
)
def test_money_is_compared_to_the_cent_and_floats_within_the_tolerance(
    a: dict[str, Any], b: dict[str, Any], differs: bool
) -> None:
    found, count = differing(figures(figure(**a)), figures(figure(**b)))
    assert (len(found), count) == (int(differs), 1)


def test_a_figure_of_one_run_only_is_a_difference(tmp_path: Path) -> None:
    found = compared(tmp_path, {"rows": USUAL[:3]}, {"rows": USUAL[1:]})
    assert found.differences[["report", "only"]].to_numpy().tolist() == [
        ["budget_variance", "A"],
        ["staffing_forecast", "B"],
    ]
    assert found.compared == 4
    assert not found.same


def test_the_largest_difference_of_money_comes_first_then_the_largest_share_of_the_rest() -> None:
    def both(step: int) -> pd.DataFrame:
        return figures(
            figure(measure="small", cents=100 + step),
            figure(measure="large", cents=900 + 7 * step),
            figure(measure="hours", value=1000.0 + step),
            figure(measure="share", value=0.5 + 0.25 * step),
        )

    assert differing(both(0), both(1))[0]["measure"].tolist() == ["large", "small", "share", "hours"]


_MANY = figures(*(figure(item=f"i{k}", quantile=q, cents=k) for k in range(4) for q in (0.1, np.nan)))


@settings(max_examples=20)
@given(st.permutations(range(len(_MANY))))
def test_the_order_of_the_figures_does_not_matter_and_the_input_is_untouched(order: list[int]) -> None:
    shuffled = _MANY.iloc[order].reset_index(drop=True)
    before = shuffled.copy()
    found, count = differing(_MANY, shuffled)
    assert (len(found), count) == (0, len(_MANY))
    pd.testing.assert_frame_equal(shuffled, before)


def test_a_figure_held_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Run B holds the same figure twice \(budget_variance, Cork, 2026-09"):
        differing(figures(figure()), figures(figure(), figure(value=2.0)))


# ------------------------------------------------------------------ causes


@pytest.mark.parametrize(
    ("part", "b", "cause"),
    [
        pytest.param("table ledger", {}, "data: ledger", id="a table"),
        pytest.param("prior", {}, "data: prior run", id="the run before"),
        pytest.param(
            "settings", {"settings": {"materiality": {"share": 0.1}}},
            "settings: materiality.share (none) -> 0.1", id="settings",
        ),
        pytest.param(
            "parameters", {"plan": {"parameters": {VARIANCE: {"structure": "current"}}}},
            "parameters: structure (none) -> current", id="parameters",
        ),
        pytest.param("notebook", {}, f"code: notebook {VARIANCE}", id="the notebook's code"),
        pytest.param(
            "code", {"plan": {"code": {"revision": "bbbbbbbbbb", "clean": False}}},
            "code: package aaaaaaa -> bbbbbbb with changes", id="the package's code",
        ),
        pytest.param(
            "versions", {"plan": {"versions": {"pandas": "3.1.0", "opsanalytics": "1.0"}}},
            "library versions: pandas 3.0.1 -> 3.1.0", id="library versions",
        ),
    ],
)  # fmt: skip
def test_a_figure_is_attributed_to_the_parts_of_its_own_job(
    tmp_path: Path, part: str, b: dict[str, Any], cause: str
) -> None:
    jobs = usual_jobs(v_Cork={part: "1"})
    found = compared(tmp_path, {}, {"rows": changed(0, 1), "jobs": jobs, **b})
    by_entity = dict(zip(found.differences["entity"], found.differences["causes"], strict=True))
    assert by_entity["Cork"] == cause
    assert by_entity["(all)"].startswith("unexplained"), "its own job has no part that differs"


def test_several_parts_are_all_named_data_first(tmp_path: Path) -> None:
    jobs = usual_jobs(v_Cork={"versions": "1", "table ledger": "1", "table budget": "1"})
    versions = {"plan": {"versions": {"pandas": "3.1.0", "opsanalytics": "2.0"}}}
    found = compared(tmp_path, {}, {"rows": changed(0), "jobs": jobs, **versions})
    assert found.differences["causes"].tolist() == [
        "data: budget; data: ledger; library versions: pandas 3.0.1 -> 3.1.0"
    ]


def test_what_a_job_takes_from_another_is_followed_to_that_jobs_parts(tmp_path: Path) -> None:
    jobs = usual_jobs(d_Cork={"table demand": "1"}, s_Cork={f"need {DEMAND} Cork": "1"})
    found = compared(tmp_path, {}, {"rows": changed(3), "jobs": jobs})
    assert found.differences["causes"].tolist() == ["data: demand"]
    assert {cause.text: count for cause, count in found.causes.items()} == {"data: demand": 1}


def test_money_of_no_site_comes_from_the_job_of_the_whole(tmp_path: Path) -> None:
    jobs = usual_jobs(v_all={"table ledger": "1"}, v_Cork={"table budget": "1"})
    rows = [*USUAL, figure(VARIANCE, "(unassigned)", cents=1)]
    found = compared(tmp_path, {"rows": USUAL}, {"rows": rows, "jobs": jobs})
    assert found.differences[["entity", "causes"]].to_numpy().tolist() == [["(unassigned)", "data: ledger"]]


def test_a_figure_that_differs_for_no_reason_on_record_is_said_first_and_loudly(tmp_path: Path) -> None:
    jobs = usual_jobs(v_all={"table ledger": "1"})
    found = compared(tmp_path, {}, {"rows": changed(1, 2), "jobs": jobs})
    assert found.differences["report"].tolist() == ["seasonal_demand", "budget_variance"], "money would come first"
    assert found.differences["causes"].iloc[0] == "unexplained: same data, code, parameters and versions"
    assert "1 figure differs although the runs have the same data" in "\n".join(lines(found))


def test_a_job_that_failed_in_one_run_is_the_cause_of_its_missing_figures(tmp_path: Path) -> None:
    failed = [*usual_jobs()[:3], job(STAFFING, "Cork", state="failed", reason="KeyError: 'standards'")]
    found = compared(tmp_path, {}, {"rows": USUAL[:3], "jobs": failed, "state": "failed"})
    assert found.differences["causes"].tolist() == [
        f"jobs: {STAFFING} Cork done in A, failed (KeyError: 'standards') in B"
    ]


def test_what_differs_and_changes_no_figure_is_said_too(tmp_path: Path) -> None:
    jobs = usual_jobs(v_Cork={"versions": "1"})
    found = compared(tmp_path, {}, {"jobs": jobs, "plan": {"versions": {"pandas": "3.1.0"}}})
    assert found.same
    said = lines(found)
    assert said[1:] == ["No figure differs.", "library versions: pandas 3.0.1 -> 3.1.0 (no figure differs by it)"]
    assert "4 figures compared" in said[0]


def schema_1(**given: Any) -> dict[str, Any]:
    """A run whose manifest has no parts."""
    jobs = [{name: value for name, value in entry.items() if name != "parts"} for entry in usual_jobs()]
    return {"schema": 1, "jobs": jobs, **given}


def of_files(**hashes: str) -> dict[str, Any]:
    """A plan whose tables have these hashes."""
    return {"inputs": [{"table": name, "sha256": sha} for name, sha in hashes.items()]}


def test_without_parts_the_manifests_own_records_are_compared(tmp_path: Path) -> None:
    a = schema_1(plan=of_files(ledger="1", budget="1"), tables={"ledger": ledger(), "budget": budget()})
    plan = {**of_files(ledger="2", budget="2"), "versions": {"pandas": "3.1.0", "opsanalytics": "1.0"}}
    b = schema_1(plan=plan, tables={"ledger": ledger(amount_cents=[5, 2, 3]), "budget": budget()}, rows=changed(0))
    found = compared(tmp_path, a, b)
    assert found.differences["causes"].tolist() == ["data: ledger; library versions: pandas 3.0.1 -> 3.1.0"], (
        "the budget's file differs, but no row of it"
    )


def test_code_without_a_clean_revision_is_not_said_to_be_the_same(tmp_path: Path) -> None:
    dirty = {"code": {"revision": "aaaaaaaaaa", "clean": False}}
    found = compared(tmp_path, schema_1(plan=dirty), schema_1(plan=dirty, rows=changed(0)))
    assert found.differences["causes"].tolist() == ["code: not known to be the same (no clean revision on record)"]
    clean = compared(tmp_path / "clean", schema_1(), schema_1(rows=changed(0)))
    assert clean.differences["causes"].str.startswith("unexplained").all()


# ------------------------------------------------------------------ rows


def ledger(**columns: Any) -> pd.DataFrame:
    """Three lines of a ledger."""
    held: dict[str, Any] = {
        "document": ["JE-1", "JE-1", "JE-2"], "line": ["1", "2", "1"], "posted_on": pd.Timestamp("2026-09-30"),
        "period": "2026-09", "cost_centre": "210", "account": ["6000", "6100", "6000"], "amount_cents": [1, 2, 3],
        "currency": "EUR", "text": "Pay", "one_off": False, "currency_cents": 0,
    }  # fmt: skip
    return pd.DataFrame(held | columns)


def budget() -> pd.DataFrame:
    """One budget row, without a validity."""
    held = {"version": ["original"], "period": "2026-09", "cost_centre": "210", "account": "6000", "amount_cents": 1}
    return pd.DataFrame(held | {"valid_from": pd.Series([None], dtype="str")})


def inputs(folder: Path, **tables: pd.DataFrame) -> Path:
    """An inputs folder with these tables."""
    folder.mkdir(parents=True)
    for name, frame in tables.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)
    return folder


def test_a_changed_ledger_line_is_named_with_what_changed_and_where_it_counts(tmp_path: Path) -> None:
    jobs = usual_jobs(v_Cork={"table ledger": "1"})
    amounts = [100_000, 120_000, 3]
    a = {"tables": {"ledger": ledger(amount_cents=amounts)}}
    b = {"tables": {"ledger": ledger(amount_cents=[100_000, 125_000, 3]).iloc[::-1]}, "jobs": jobs, "rows": changed(0)}
    said = lines(compared(tmp_path, a, b))
    assert "ledger: 1 row differs (1 changed)." in said
    assert "ledger JE-1 line 2: amount 1,200.00 -> 1,250.00, account 6100, cost centre 210, 2026-09" in said
    assert "data: ledger (1 figure that may differ by it)" in said
    assert said[-1] == "budget_variance Cork 2026-09, amount month, AC: 100.00 -> 101.00 EUR (+1.00)"


def test_rows_of_one_run_only_are_told_from_changed_ones(tmp_path: Path) -> None:
    a = inputs(tmp_path / "a", ledger=ledger())
    b = inputs(tmp_path / "b", ledger=ledger(document=["JE-0", "JE-1", "JE-2"], account=["6000", "6100", "7000"]))
    (found,) = differing_rows(a, b, ["ledger"])
    assert found.counts == {"changed": 1, "only in A": 1, "only in B": 1}
    rows = {row["what"]: (row["a_document"], row["b_document"]) for row in found.listed.to_dict("records")}
    assert rows == {"only in A": ("JE-1", None), "only in B": (None, "JE-0"), "changed": ("JE-2", "JE-2")}


def test_a_shuffled_table_has_no_differing_row_and_a_blank_key_matches_a_blank_one(tmp_path: Path) -> None:
    a = inputs(tmp_path / "a", ledger=ledger(), budget=budget())
    b = inputs(tmp_path / "b", ledger=ledger().iloc[[2, 0, 1]], budget=budget())
    assert [table.total for table in differing_rows(a, b, ["budget", "ledger"])] == [0, 0]


def test_rows_of_one_key_are_matched_one_to_one(tmp_path: Path) -> None:
    twice = ledger(document="JE-1", line="1", account="6000", amount_cents=[7, 7, 9])
    a, b = inputs(tmp_path / "a", ledger=twice), inputs(tmp_path / "b", ledger=twice.iloc[[2, 0]])
    (found,) = differing_rows(a, b, ["ledger"])
    assert found.counts == {"only in A": 1}
    assert found.listed["a_amount_cents"].tolist() == [7]
    (same,) = differing_rows(a, inputs(tmp_path / "c", ledger=twice.iloc[::-1]), ["ledger"])
    assert same.total == 0


def test_only_the_largest_changes_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    many = LISTED + 5
    base = pd.concat([ledger().head(1)] * many, ignore_index=True).assign(line=[str(k) for k in range(many)])
    a = inputs(tmp_path / "a", ledger=base)
    b = inputs(tmp_path / "b", ledger=base.assign(amount_cents=range(1001, 1001 + many)))
    (found,) = differing_rows(a, b, ["ledger"])
    assert found.counts == {"changed": many}
    assert found.listed["a_line"].tolist() == [str(k) for k in range(many - 1, many - 1 - LISTED, -1)]


def test_money_beyond_a_floats_precision_is_written_exactly(tmp_path: Path) -> None:
    jobs = usual_jobs(v_Cork={"table ledger": "1"})
    line = ledger(amount_cents=2**53 + 1)
    found = compared(tmp_path, {"tables": {"ledger": line.head(0)}}, {"tables": {"ledger": line.head(1)}, "jobs": jobs})
    assert "amount 90,071,992,547,409.93," in lines(found)[-1]


def test_a_changed_volume_is_named_by_its_moment_site_and_service(tmp_path: Path) -> None:
    def demand(volume: float) -> pd.DataFrame:
        held = {"site": ["Cork"], "service": "Calls", "unit": "calls", "freq": "30min", "y": volume}
        return pd.DataFrame(held | {"ds": pd.Timestamp("2026-09-01 07:30")})

    jobs = usual_jobs(d_Cork={"table demand": "1"})
    found = compared(tmp_path, {"tables": {"demand": demand(8)}}, {"tables": {"demand": demand(9.5)}, "jobs": jobs})
    assert lines(found)[-1] == "demand 2026-09-01 07:30, Cork, Calls: volume 8 -> 9.5, unit calls"


def test_a_column_that_one_run_lacks_is_said_and_not_taken_for_changed_rows(tmp_path: Path) -> None:
    jobs = usual_jobs(v_Cork={"table ledger": "1"})
    old = ledger().drop(columns="one_off")
    found = compared(tmp_path, {"tables": {"ledger": old}}, {"tables": {"ledger": ledger()}, "jobs": jobs})
    assert lines(found)[-1] == "ledger: no row differs; only one run has one_off."


def test_a_table_that_one_run_lacks_has_all_its_rows_in_the_other(tmp_path: Path) -> None:
    a, b = inputs(tmp_path / "a"), inputs(tmp_path / "b", ledger=ledger())
    (found,) = differing_rows(a, b, ["ledger", "payroll"])
    assert found.counts == {"only in B": 3}


def test_half_a_table_is_refused_in_a_sentence(tmp_path: Path) -> None:
    a, b = inputs(tmp_path / "a", ledger=ledger()), inputs(tmp_path / "b")
    (b / "ledger.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ValueError, match=r"The ledger in .* cannot be compared \(.*\)\. Run the month again"):
        differing_rows(a, b, ["ledger"])


# ------------------------------------------------------------------ words and refusals


def test_a_name_from_the_data_reaches_no_terminal_as_a_command(tmp_path: Path) -> None:
    rows = [figure(VARIANCE, "Cork", cents=1, item="\x1b[2J[red]evil\r\nline", dimension="account")]
    found = compared(tmp_path, {"rows": []}, {"rows": rows})
    assert "account [2J[red]evil line, AC: 0.01 EUR only in B" in lines(found)[-1]
    assert all(line.isprintable() for line in lines(found))


def test_more_figures_than_can_be_read_are_counted(tmp_path: Path) -> None:
    rows = [figure(item=f"{k}", dimension="account", cents=k) for k in range(1, 46)]
    said = lines(compared(tmp_path, {"rows": []}, {"rows": rows}))
    assert said[-1] == "and 5 smaller differences"
    assert "account 45," in said[-41]


def test_a_float_is_written_with_the_decimals_it_takes_to_see_the_difference(tmp_path: Path) -> None:
    a, b = ([figure(DEMAND, value=value)] for value in (1.0, 1.00001))
    said = lines(compared(tmp_path, {"rows": a}, {"rows": b}))
    assert said[-1].endswith("AC: 1.00000 -> 1.00001 hours (+0.00001)")


def under_way(folder: Path) -> Path:
    """Say in a run's manifest that this process is at work on it."""
    content = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps(content | {"process": this_process()}), encoding="utf-8")
    return folder


def test_what_is_no_finished_run_is_refused_in_a_sentence(tmp_path: Path) -> None:
    good = write_run(tmp_path / "good")
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match=r"none is no run .* Name the folder of a run"):
        compare(good, tmp_path / "none")
    with pytest.raises(ValueError, match=r"is not finished \(its state is running\)"):
        compare(under_way(write_run(tmp_path / "running", state="running")), good)
    with pytest.raises(ValueError, match=r"a run of 2026-09 and .* one of 2026-10: .* Name two runs of the same"):
        compare(good, write_run(tmp_path / "later", period="2026-10"))
    bare = write_run(tmp_path / "bare")
    (bare / "figures.parquet").unlink()
    with pytest.raises(ValueError, match="holds no figures"):
        compare(good, bare)
    (bare / "figures.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"figures\.parquet cannot be read"):
        compare(good, bare)
    figures(figure()).drop(columns=KEY[-1]).to_parquet(bare / "figures.parquet")
    with pytest.raises(ValueError, match="written by another version"):
        compare(good, bare)


# ------------------------------------------------------------------ real runs

_PARAMETERS = 'period: str = "2026-01"\nentity: str = "(all)"\ndata: str = "data"\nrun_dir: str = ""'
_CODE = """from opsanalytics import results, sources
results.save(results.variance(sources.read(data), period, entity), run_dir)"""
_TABLES = {
    "accounts": "account,name,type,pl_line,behaviour\n400,Sales,revenue,Sales,variable\n600,Pay,cost,Pay,fixed\n",
    "sites": "site,name\nCork,Cork\n",
    "cost_centres": "cost_centre,valid_from,name,department,site\nC1,2025-01-01,One,Ops,Cork\n",
    "ledger": "document,line,posted_on,period,cost_centre,account,amount\n"
    "D1,1,2026-01-31,2026-01,C1,400,100.00\nD2,1,2026-01-31,2026-01,C1,600,50.00\n",
    "budget": "version,period,cost_centre,account,amount\noriginal,2026-01,C1,400,90.00\n",
}


def test_a_changed_ledger_line_is_found_between_two_real_runs(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    v4 = nbformat.v4
    cells = [v4.new_code_cell(_PARAMETERS, metadata={"tags": ["parameters"]}), v4.new_code_cell(_CODE)]
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "notebooks" / f"{VARIANCE}.ipynb")
    (tmp_path / "data").mkdir()
    for amount in ("50.00", "52.50"):
        for name, text in _TABLES.items():
            (tmp_path / "data" / f"{name}.csv").write_text(text.replace("50.00", amount), encoding="utf-8")
        request = batch.Request(
            "2026-01", tmp_path / "data", tmp_path / "runs", tmp_path / "notebooks", entities=("Cork",), jobs=1
        )
        assert batch.run(batch.prepare(request), lambda *said: None).state == "done"
    found = compare(tmp_path / "runs" / "2026-01.1", tmp_path / "runs" / "2026-01")
    said = lines(found)
    assert "ledger D2 line 1: amount 50.00 -> 52.50, account 600, cost centre C1, 2026-01" in said
    cost = found.differences.query("measure == 'cost' and horizon == 'month' and scenario == 'AC'")
    assert set(cost["cents_b"] - cost["cents_a"]) == {250}
    assert found.differences["causes"].str.startswith("data: ledger").all()
