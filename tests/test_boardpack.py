"""The board pack: when it may be called FINAL, what its figures say, and a page that data cannot break."""

from __future__ import annotations

import dataclasses
import json
import random
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from opsanalytics import boardpack, sources
from opsanalytics.boardpack import drawing, finance
from opsanalytics.boardpack.facts import Facts
from opsanalytics.boardpack.words import Money, Stand, effect_of, isolated, relative

PERIOD = "2026-08"
SETTINGS = """
[organisation]
name = "Harbour Logistics"
currency = "EUR"
[fiscal_year]
start_month = 7
[materiality]
amount = "10.00"
share = 0.05
"""
SITES = ("North", "South")
KEY = ["report", "entity", "period", "horizon", "measure", "dimension", "item", "dimension2", "item2"]
KEY += ["scenario", "reference", "quantile"]

Tables = dict[str, list[dict[str, str]]]


def company() -> Tables:
    """Two sites, two months of a fiscal year from July: nothing wrong with it."""
    months = {"2026-07": 31, "2026-08": 31}
    amounts = {"North": {"4000": "100.00", "6000": "60.00"}, "South": {"4000": "50.00", "6000": "20.00"}}
    types = {"4000": "revenue", "6000": "cost"}
    lines = [(month, site, account) for month in months for site in SITES for account in types]
    return {
        "accounts": [
            {"account": a, "name": n, "type": types[a], "pl_line": n, "behaviour": "fixed"}
            for a, n in (("4000", "Sales"), ("6000", "Wages"))
        ],
        "cost_centres": [
            {"cost_centre": s[0], "valid_from": "2025-07-01", "name": s, "department": "Operations", "site": s}
            for s in SITES
        ],
        "sites": [{"site": s, "name": s} for s in SITES],
        "ledger": [
            {
                "document": f"D{place}",
                "line": "1",
                "posted_on": f"{month}-20",
                "period": month,
                "cost_centre": site[0],
                "account": account,
                "amount": amounts[site][account],
            }
            for place, (month, site, account) in enumerate(lines)
        ],
        "budget": [
            {"version": "original", "period": m, "cost_centre": s[0], "account": a, "amount": "50.00"}
            for m, s, a in lines
        ],
        "control_totals": [
            {"period": m, "site": s, "type": types[a], "amount": amounts[s][a]} for m, s, a in lines
        ],
        "services": [{"service": "calls", "name": "Calls", "unit": "contacts"}],
        "demand": [
            {"ds": f"{month}-{day:02d}", "site": site, "service": "calls", "volume": "10"}
            for month, days in months.items()
            for day in range(1, days + 1)
            for site in SITES
        ],
        "standards": [
            {"site": s, "service": "calls", "method": "workload", "units_per_hour": "5", "hours_per_fte": "150"}
            for s in SITES
        ],
        "roster": [{"start": f"{PERIOD}-01", "site": "North", "service": "calls", "staff": "1", "hours": "8"}],
        "events": [{"ds": "2026-08-03", "name": "Fair", "kind": "campaign", "known_ahead": "true"}],
        "opening_hours": [
            {"site": "North", "service": "calls", "weekday": "Monday", "opens": "08:00", "closes": "17:00"}
        ],
        "commentary": [comment("(all)", "60.00"), comment("North", "60.00")],
    }  # fmt: skip


def comment(entity: str, amount: str) -> dict[str, str]:
    """A comment on the wages of an entity."""
    return {
        "period": PERIOD,
        "entity": entity,
        "measure": "variance",
        "dimension": "pl_line",
        "item": "Wages",
        "author": "A. Byrne",
        "written_on": "2026-09-02",
        "text": "Two more people than planned.",
        "amount": amount,
    }


def read(folder: Path, tables: Tables) -> sources.Inputs:
    """Write tables as a data folder and read it as any other."""
    for name, rows in tables.items():
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    (folder / "workbook.toml").write_text(SETTINGS, encoding="utf-8")
    return sources.read(folder)


def figure(entity: str, measure: str, scenario: str = "", **rest: object) -> dict[str, object]:
    """One row of figures; `cents` or `value` and what differs from the reporting month's total."""
    row = dict.fromkeys([*KEY, "unit", "table"], "")
    row |= {"report": "any", "period": PERIOD, "horizon": "month", "dimension": "(total)", "item": "(total)"}
    return {**row, "quantile": float("nan"), "value": float("nan"), "cents": None} | {
        "entity": entity,
        "measure": measure,
        "scenario": scenario,
        **rest,
    }


def amounts(entity: str, horizon: str, scenario: str, revenue: int, cost: int) -> list[dict[str, object]]:
    """Revenue, cost and result of an entity in cents."""
    cents = {"revenue": revenue, "cost": cost, "result": revenue - cost}
    return [figure(entity, m, scenario, horizon=horizon, cents=c) for m, c in cents.items()]


def line(entity: str, item: str, kind: str, actual: int, plan: int, *, material: bool) -> list[dict[str, object]]:
    """A P&L line against plan, year to date, as results writes it."""
    about = {"horizon": "ytd", "dimension": "pl_line", "item": item, "dimension2": "type", "item2": kind}
    gap = actual - plan
    return [
        figure(entity, "variance_share", "AC", value=gap / plan, reference="PL", **about),
        figure(entity, "amount", "AC", cents=actual, **about),
        figure(entity, "amount", "PL", cents=plan, **about),
        figure(entity, "variance", "AC", cents=gap, reference="PL", **about),
        figure(entity, "effect", "AC", cents=-gap if kind == "cost" else gap, reference="PL", **about),
        figure(entity, "material", "AC", value=float(material), reference="PL", **about),
    ]


def service(entity: str, measure: str, scenario: str, period: str, **rest: object) -> dict[str, object]:
    """A figure of the calls of an entity in a month."""
    return figure(entity, measure, scenario, period=period, dimension="service", **{"item": "calls", **rest})


def rows() -> list[dict[str, object]]:
    """Figures by hand: wages are 60.00 over plan at North, and so in all; all else is on plan."""
    found = []
    for entity, over, size in (("North", 6000, 1), ("South", 0, 1), ("(all)", 6000, 2)):
        for month in ("2026-07", "2026-08"):
            found += [
                {**row, "period": month}
                for scenario, extra in (("AC", over // 2), ("PL", 0))
                for row in amounts(entity, "month", scenario, 20000 * size, 10000 * size + extra)
            ]
        for horizon, now in (("ytd", "AC"), ("fy", "FC")):
            for scenario, extra in ((now, over), ("PL", 0), ("PY", -100 * size)):
                found += amounts(entity, horizon, scenario, 40000 * size, 20000 * size + extra)
        found += line(entity, "Sales", "revenue", 40000 * size, 40000 * size, material=False)
        found += line(entity, "Wages", "cost", 20000 * size + over, 20000 * size, material=over > 0)
        volume = 310.0 * size
        for month in ("2026-07", "2026-08"):
            found += [
                service(entity, "demand", "AC", month, value=volume, unit="contacts"),
                service(entity, "complete", "AC", month, value=1.0, unit="flag"),
            ]
        found += [
            service(entity, "demand", "FC", "2026-09", value=volume + 10, unit="contacts"),
            service(entity, "required_fte", "FC", "2026-09", value=9.9, quantile=0.9),
            service(entity, "required_fte", "FC", "2026-09", value=2.5, quantile=0.5),
            service(entity, "required_fte", "FC", "2026-09", value=1.1, quantile=0.1),
            service(entity, "required_hours", "FC", "2026-09", value=400.0, quantile=0.5),
            service(entity, "staff_cost", "FC", "2026-09", cents=800000, quantile=0.5),
        ]
    return found


def frame(found: list[dict[str, object]]) -> pd.DataFrame:
    """The figures as results gives them."""
    return pd.DataFrame(found).astype({"cents": "Int64", "value": "float64", "quantile": "float64"})


def jobs(**states: str) -> dict[str, object]:
    """A run of 01 to 03 for every entity and 04 under way; `states` by notebook's number, as _01."""
    notebooks = ("01_budget_variance", "02_seasonal_demand", "03_staffing_forecast")
    found = [
        {"id": f"{n} {e}", "notebook": n, "entity": e, "state": states.get(f"_{n[:2]}", "done"), "reason": "it is so"}
        for n in notebooks
        for e in (*SITES, "(all)")
    ]
    found.append({"id": "04", "notebook": "04_board_pack", "entity": "(all)", "state": "pending", "reason": ""})
    return {"plan": {}, "jobs": found}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> sources.Inputs:
    """The company with nothing wrong with it."""
    return read(tmp_path_factory.mktemp("company"), company())


def commented(inputs: sources.Inputs, **changes: object) -> sources.Inputs:
    """The same with a change to the comment on the whole, read as it would be."""
    table = inputs.tables["commentary"].astype(object)
    table.loc[table["entity"] == "(all)", list(changes)] = list(changes.values())
    return dataclasses.replace(inputs, tables={**inputs.tables, "commentary": table})


@pytest.fixture(scope="module")
def pack(inputs: sources.Inputs) -> boardpack.BoardPack:
    """Its pack."""
    return boardpack.build(frame(rows()), inputs, jobs(), PERIOD)


# DRAFT or FINAL


def test_with_nothing_open_the_pack_is_final(pack: boardpack.BoardPack) -> None:
    assert pack.reasons == ()
    assert pack.status == "FINAL"
    assert pack.status_sentence.startswith("FINAL")
    assert pack.off == ()


def control_a_cent_off(tables: Tables) -> None:
    tables["control_totals"][0]["amount"] = "100.01"


def unreadable_amount(tables: Tables) -> None:
    tables["ledger"][0]["amount"] = "a lot"


def repeated_line(tables: Tables) -> None:
    tables["ledger"].append(tables["ledger"][-1])


def orphan(tables: Tables) -> None:
    tables["demand"][0] = {**tables["demand"][0], "service": "faxes"}


def unrated_line(tables: Tables) -> None:
    tables["ledger"] = [{"currency": "", **row} for row in tables["ledger"]]
    tables["ledger"].append({**tables["ledger"][0], "document": "X9", "currency": "USD"})


def test_a_line_without_a_rate_sends_the_reader_to_fx_rates(tmp_path: Path) -> None:
    tables = company()
    unrated_line(tables)
    pack = boardpack.build(frame(rows()), read(tmp_path, tables), jobs(), PERIOD)
    remedies = {reason.reason: reason.remedy for reason in pack.reasons}
    assert "fx_rates" in remedies["1 row of ledger is in quarantine (foreign_currency)."]


def empty_months(table: str) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        name = "period" if table == "ledger" else "ds"
        tables[table] = [row for row in tables[table] if not row[name].startswith("2026-07")]
        if table == "ledger":
            tables["control_totals"] = [{"period": m, "type": "", "amount": "0.00"} for m in ("2026-07",)]
            tables["control_totals"] += [
                {"period": PERIOD, "type": kind, "amount": f"{cents}.00"}
                for kind, cents in (("cost", 80), ("revenue", 150))
            ]

    return change


def test_control_totals_of_one_type_prove_nothing_of_the_other(tmp_path: Path) -> None:
    tables = company()
    tables["control_totals"] = [row for row in tables["control_totals"] if row["type"] == "revenue"]
    pack = boardpack.build(frame(rows()), read(tmp_path, tables), jobs(), PERIOD)
    assert [reason.reason for reason in pack.reasons] == [
        f"No control total covers the cost of {site} in Jul 2026 and Aug 2026." for site in SITES
    ]


def incomplete(reference: str) -> list[dict[str, object]]:
    """The figures where a month is missing: over the months that both sides have the result is 10.00 above."""
    common = {"report": "budget_variance", "entity": "(all)", "period": PERIOD, "horizon": "ytd", "scenario": "AC"}
    common |= {"dimension": "(total)", "item": "(total)", "dimension2": "measure", "item2": "result"}
    common |= {"reference": reference, "quantile": None, "unit": "EUR", "table": "ledger"}
    compared = [("complete", 0.0, None)]
    compared += [(name, -50.0, -5000) for name in ("variance", "effect")]
    compared += [(f"{name}_like_for_like", 10.0, 1000) for name in ("variance", "effect")]
    others = [row for row in rows() if (row["measure"], row["reference"]) != ("variance", reference)]
    others = [row for row in others if (row["measure"], row["reference"]) != ("effect", reference)]
    return [*others, *(common | {"measure": m, "value": value, "cents": cents} for m, value, cents in compared)]


@pytest.mark.parametrize(("reference", "name"), [("PL", "plan"), ("PY", "prior year")])
def test_an_incomplete_comparison_is_a_draft_and_is_made_like_for_like(
    reference: str, name: str, inputs: sources.Inputs
) -> None:
    pack = boardpack.build(frame(incomplete(reference)), inputs, jobs(), PERIOD)
    assert [r.reason for r in pack.reasons] == [
        f"The year to date of all sites can not be compared with {name} month for month: ledger lines are missing."
    ]
    assert pack.headlines[0].startswith(
        f"INCOMPLETE: ledger lines are missing, so the year to date is compared with {name}"
    )
    assert f"10.00 EUR above {name}" in pack.headlines[1]


def test_without_a_plan_nothing_is_said_of_lines_against_it(inputs: sources.Inputs) -> None:
    without = [row for row in rows() if row.get("reference") != "PL" and row.get("scenario") != "PL"]
    pack = boardpack.build(frame(without), inputs, jobs(), PERIOD)
    assert "lines" not in [section.anchor for section in pack.sections]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            control_a_cent_off,
            ["Jul 2026 North revenue is missed: stated 100.01, found 100.00, 0.01 too little"],
            id="a cent off",
        ),
        pytest.param(
            unreadable_amount, ["can not be compared", "1 row of ledger is in quarantine"], id="unknown total"
        ),
        pytest.param(repeated_line, ["1 row of ledger is in quarantine"], id="a repeated line"),
        pytest.param(orphan, ["1 row of demand is in quarantine"], id="an orphan"),
        pytest.param(
            empty_months("ledger"),
            ["The ledger begins in Aug 2026: Jul 2026 of the fiscal year is not in it."],
            id="a ledger month is absent",
        ),
        pytest.param(
            empty_months("demand"),
            ["The demand begins in Aug 2026: Jul 2026 of the fiscal year is not in it."],
            id="a demand month is absent",
        ),
    ],
)
def test_anything_open_in_the_data_makes_a_draft(
    change: Callable[[Tables], None], said: list[str], tmp_path: Path
) -> None:
    tables = company()
    change(tables)
    pack = boardpack.build(frame(rows()), read(tmp_path, tables), jobs(), PERIOD)
    assert pack.status == "DRAFT"
    found = [reason.reason for reason in pack.reasons]
    assert all(any(part in reason for reason in found) for part in said), found
    assert len(found) == len(said), found
    assert all(reason.remedy for reason in pack.reasons)


@pytest.mark.parametrize(
    ("months", "said"),
    [
        pytest.param([], "No control totals are given", id="no control totals"),
        pytest.param(["2026-09"], "No control totals are given", id="control totals of later months only"),
        pytest.param([PERIOD], "No control total is given for Jul 2026", id="a closed month without total"),
    ],
)
def test_a_month_without_control_totals_makes_a_draft(months: list[str], said: str, inputs: sources.Inputs) -> None:
    control = inputs.control.assign(period=inputs.control["period"].replace("2026-07", "2026-09"))
    given = dataclasses.replace(inputs, control=control[control["period"].isin(months)])
    reasons = boardpack.build(frame(rows()), given, jobs(), PERIOD).reasons
    assert [reason.reason.startswith(said) for reason in reasons] == [True]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"entity": "North"}, id="no comment on the whole"),
        pytest.param({"period": "2026-07"}, id="a comment of another month"),
    ],
)
def test_a_material_variance_without_comment_makes_a_draft(change: dict[str, str], inputs: sources.Inputs) -> None:
    pack = boardpack.build(frame(rows()), commented(inputs, **change), jobs(), PERIOD)
    assert [reason.reason for reason in pack.reasons] == [
        "1 material variance of all sites against plan, year to date, has no comment: Wages (+60.00 EUR)."
    ]


def test_of_many_variances_without_comment_the_largest_three_are_named_and_all_are_listed(
    inputs: sources.Inputs,
) -> None:
    found = rows()
    for k in range(1, 6):
        found += line("(all)", f"Cost {k}", "cost", 200_000_00 + k * 100_000_00, 100_000_00, material=True)
    pack = boardpack.build(frame(found), inputs, jobs(), PERIOD)
    (reason,) = pack.reasons
    assert reason.reason.endswith(
        "no comment: Cost 5 (+600.0 kEUR), Cost 4 (+500.0 kEUR), Cost 3 (+400.0 kEUR) and 2 more."
    )
    table = pack.section("lines").exhibits[1]
    assert table.title in reason.remedy
    silent = [row.head for row in table.groups[0].rows if row.cells[1].text == "No comment."]
    assert silent == [f"Cost {k}" for k in (5, 4, 3, 2, 1)]


def test_what_is_said_of_a_job_ends_with_one_full_stop(inputs: sources.Inputs) -> None:
    plan = {"jobs": [{"notebook": "02_seasonal_demand", "entity": "North", "state": "failed", "reason": "It died."}]}
    reasons = boardpack.build(frame(rows()), inputs, plan, PERIOD).reasons
    assert [reason.reason for reason in reasons] == ["Seasonal demand of North failed: It died."]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        pytest.param("failed", "Seasonal demand of North failed: it is so.", id="failed"),
        pytest.param("skipped", "Seasonal demand of North was skipped: it is so.", id="skipped"),
        pytest.param("pending", "Seasonal demand of North has not run: it is so.", id="not run"),
        pytest.param("interrupted", "Seasonal demand of North has not run: it is so.", id="stopped"),
    ],
)
def test_a_job_that_is_not_done_makes_a_draft(state: str, said: str, inputs: sources.Inputs) -> None:
    pack = boardpack.build(frame(rows()), inputs, jobs(_02=state), PERIOD)
    assert pack.status == "DRAFT"
    assert [reason.reason for reason in pack.reasons][1] == said
    assert len(pack.reasons) == 3


def test_a_job_that_is_off_is_named_and_is_no_failure(inputs: sources.Inputs) -> None:
    pack = boardpack.build(frame(rows()), inputs, jobs(_03="off"), PERIOD)
    assert pack.status == "FINAL"
    assert [note.reason for note in pack.off] == [
        f"Staffing forecast of {e} is off: it is so." for e in ("all sites", *SITES)
    ]


def test_outside_a_run_no_job_is_missing(inputs: sources.Inputs) -> None:
    assert boardpack.build(frame(rows()), inputs, {}, PERIOD).status == "FINAL"


@pytest.mark.parametrize(
    ("amount", "status"),
    [
        pytest.param(60_00, "FINAL", id="the same amount"),
        pytest.param(50_00, "FINAL", id="materiality away"),
        pytest.param(49_99, "DRAFT", id="more than materiality away"),
        pytest.param(-60_00, "DRAFT", id="the other sign"),
    ],
)
def test_a_comment_is_stale_when_the_variance_moved_by_more_than_materiality(
    amount: int, status: str, inputs: sources.Inputs
) -> None:
    pack = boardpack.build(frame(rows()), commented(inputs, amount_cents=amount), jobs(), PERIOD)
    assert pack.status == status
    assert ["stale" in reason.reason for reason in pack.reasons] == ([True] if status == "DRAFT" else [])


def test_a_comment_without_amount_never_goes_stale_and_that_is_said(inputs: sources.Inputs) -> None:
    pack = boardpack.build(frame(rows()), commented(inputs, amount_cents=None), jobs(), PERIOD)
    assert pack.status == "FINAL"
    assert any("never go stale" in note.reason for note in pack.off)


def test_with_one_site_a_comment_on_it_is_one_on_the_whole(tmp_path: Path) -> None:
    tables = company()
    for name in ("cost_centres", "sites", "control_totals", "demand", "standards"):
        tables[name] = [row for row in tables[name] if row.get("site") != "South"]
    for name in ("ledger", "budget"):
        tables[name] = [row for row in tables[name] if row["cost_centre"] != "S"]
    del tables["commentary"][0]
    ours = [row for row in rows() if row["entity"] != "South"]
    pack = boardpack.build(frame(ours), read(tmp_path, tables), {}, PERIOD)
    assert pack.reasons == ()
    assert "sites" not in [section.anchor for section in pack.sections]
    assert [group.name for group in pack.section("staffing").exhibits[0].groups] == ["North"]


def test_a_month_not_filled_to_its_last_open_day_makes_a_draft(inputs: sources.Inputs) -> None:
    found = rows()
    for row in found:
        if row["measure"] == "complete" and row["entity"] == "South" and row["period"] == PERIOD:
            row["value"] = 0.0
    pack = boardpack.build(frame(found), inputs, jobs(), PERIOD)
    assert [r.reason for r in pack.reasons] == ["Demand of calls at South does not fill Aug 2026 to the last open day."]


@pytest.mark.parametrize(
    ("measures", "said"),
    [
        pytest.param(("revenue", "cost", "result"), "The ledger of South has nothing for Aug 2026", id="ledger"),
        pytest.param(("demand",), "Demand of calls at South has nothing for Aug 2026", id="demand"),
    ],
)
def test_a_month_that_one_site_lacks_makes_a_draft(
    measures: tuple[str, ...], said: str, inputs: sources.Inputs
) -> None:
    found = [
        row
        for row in rows()
        if (row["entity"], row["horizon"], row["period"], row["scenario"]) != ("South", "month", PERIOD, "AC")
        or row["measure"] not in measures
    ]
    pack = boardpack.build(frame(found), inputs, jobs(), PERIOD)
    assert [reason.reason.startswith(said) for reason in pack.reasons] == [True]


def test_a_month_that_is_not_closed_makes_a_draft(inputs: sources.Inputs) -> None:
    settings = dataclasses.replace(inputs.settings, closed_through="2026-07")
    pack = boardpack.build(frame(rows()), dataclasses.replace(inputs, settings=settings), jobs(), PERIOD)
    assert [reason.reason for reason in pack.reasons] == ["Aug 2026 is not closed: closed_through is 2026-07."]


def test_without_a_ledger_budget_variance_is_off_and_the_pack_a_draft(tmp_path: Path) -> None:
    tables = {
        n: t for n, t in company().items() if n in ("sites", "services", "demand", "standards", "roster", "events")
    }
    found = [row for row in rows() if row["dimension"] == "service"]
    pack = boardpack.build(frame(found), read(tmp_path, tables), {}, PERIOD)
    assert [reason.reason for reason in pack.reasons] == [
        "No control totals are given, so nothing proves that the data is whole."
    ]
    assert pack.off[0].reason == "Budget variance is off for want of accounts, cost_centres, ledger and budget."
    assert [section.anchor for section in pack.sections] == ["demand", "staffing", "sources"]


def test_many_reasons_of_a_kind_are_counted_not_dropped(inputs: sources.Inputs) -> None:
    missed = pd.concat([inputs.control.assign(agrees=False)] * 10, ignore_index=True)
    pack = boardpack.build(frame(rows()), dataclasses.replace(inputs, control=missed), jobs(), PERIOD)
    assert len(pack.reasons) == 21
    assert pack.reasons[-1].reason == f"The same holds for {len(missed) - 20} more control totals."


# The figures


def test_scenarios_stand_in_ibcs_order_and_only_variances_bear_a_sign(pack: boardpack.BoardPack) -> None:
    table = pack.section("plan").exhibits[0]
    assert table.columns == ("PY", "PL", "FC", "AC", "ΔPL", "ΔPL %", "ΔPY", "ΔPY %")
    cost = table.groups[1].rows[1]
    texts = [cell.text for cell in cost.cells]
    assert texts == ["398.00", "400.00", "", "460.00", "+60.00", "+15.0 %", "+62.00", "+15.6 %"]
    assert [cell.effect for cell in cost.cells][4] == "adverse"


def test_the_full_year_compares_the_outlook_and_has_no_actual(pack: boardpack.BoardPack) -> None:
    result = pack.section("plan").exhibits[0].groups[2].rows[2]
    assert [cell.text for cell in result.cells][:5] == ["402.00", "400.00", "340.00", "", "-60.00"]


def test_the_headlines_say_how_the_result_stands_and_which_line_makes_it(pack: boardpack.BoardPack) -> None:
    assert pack.headlines[0] == (
        "The result of the year to Aug 2026 is 340.00 EUR, 60.00 EUR (15.0 %) below plan, "
        "62.00 EUR (15.4 %) below prior year."
    )
    assert "Against plan, year to date, most adverse is Wages (60.00 EUR)." in pack.headlines
    assert "Demand takes about 2.5 FTE in Sep 2026, the most in 12 months." in pack.headlines


@pytest.mark.parametrize(
    ("measure", "variance", "effect"),
    [
        pytest.param("cost", 1, "adverse", id="overspent cost is bad news"),
        pytest.param("cost", -1, "favourable", id="saved cost is good news"),
        pytest.param("revenue", 1, "favourable", id="extra revenue is good news"),
        pytest.param("result", -1, "adverse", id="a lower result is bad news"),
        pytest.param("demand", 1, "", id="demand is neither"),
        pytest.param("cost", 0, "", id="no variance is no news"),
        pytest.param("cost", None, "", id="an unknown variance is no news"),
    ],
)
def test_effect_says_good_or_bad_news(measure: str, variance: int | None, effect: str) -> None:
    assert effect_of(measure, variance) == effect


@pytest.mark.parametrize("reference", [0, -5, None])
def test_a_share_of_nothing_or_less_is_not_available(reference: int | None) -> None:
    assert relative(10, reference) is None


def test_how_a_total_stands_is_read_from_the_figures_where_they_say_it() -> None:
    about = {"horizon": "ytd", "dimension2": "measure", "item2": "cost", "reference": "PL"}
    found = [
        *rows(),
        figure("North", "variance", "AC", cents=1, **about),
        figure("North", "effect", "AC", cents=-1, **about),
        figure("North", "variance_share", "AC", value=0.5, **about),
    ]
    facts = Facts(frame(found), PERIOD, SITES)
    assert finance.stand_of(facts, "North", "cost", "ytd", "PL") == Stand(1, 0.5, "adverse")
    assert finance.stand_of(facts, "North", "cost", "ytd", "PY") == Stand(6100, 6100 / 19900, "adverse")


def test_what_is_missing_is_not_available_and_never_zero(inputs: sources.Inputs) -> None:
    found = [row for row in rows() if row["scenario"] != "PL"]
    table = boardpack.build(frame(found), inputs, jobs(), PERIOD).section("plan").exhibits[0]
    texts = [cell.text for cell in table.groups[1].rows[0].cells]
    assert texts == ["800.00", "n.a.", "", "800.00", "n.a.", "n.a.", "0.00", "0.0 %"]


def test_the_unit_of_money_is_stated_once_and_fits_the_largest_amount(inputs: sources.Inputs) -> None:
    found = [row | {"cents": row["cents"] * 1000} if row["cents"] is not None else row for row in rows()]
    table = boardpack.build(frame(found), inputs, jobs(), PERIOD).section("plan").exhibits[0]
    assert "In kEUR (thousand EUR)." in table.note
    assert table.groups[1].rows[1].cells[3].text == "460.0"
    assert Money("EUR", 2, "m").spoken(123_456_789) == "1.2 mEUR"


def test_staff_is_the_median_and_sums_over_services_where_volumes_do_not(inputs: sources.Inputs) -> None:
    found = rows()
    found += [{**row, "item": "letters", "unit": "letters"} for row in found if row["dimension"] == "service"]
    pack = boardpack.build(frame(found), inputs, jobs(), PERIOD)
    staff = pack.section("staffing").exhibits[0].groups[0]
    assert [(row.head, row.cells[0].text) for row in staff.rows] == [
        ("Calls", "2.5"),
        ("letters", "2.5"),
        ("All services", "5.0"),
    ]
    assert [row.head for row in pack.section("demand").exhibits[-1].groups[0].rows] == ["Calls", "letters"]


def test_each_site_has_its_demand_and_its_staff(pack: boardpack.BoardPack) -> None:
    for anchor in ("demand", "staffing"):
        assert [group.name for group in pack.section(anchor).exhibits[-1].groups] == ["All sites", "North", "South"]


def test_a_table_becomes_a_frame_for_the_notebook(pack: boardpack.BoardPack) -> None:
    shown = pack.section("lines").exhibits[0].frame
    assert shown["P&L line"].tolist() == ["Wages", "Sales"]
    assert shown["ΔPL"].tolist() == ["+60.00 A", "0.00"]


def test_the_proof_holds_and_fails_when_a_figure_is_a_cent_off(inputs: sources.Inputs) -> None:
    found = rows()
    assert boardpack.adds_up(frame(found), inputs, PERIOD)["Agrees"].tolist() == ["yes"] * 4
    wrong = next(row for row in found if (row["entity"], row["measure"], row["horizon"]) == ("North", "cost", "ytd"))
    wrong["cents"] += 1
    proof = boardpack.adds_up(frame(found), inputs, PERIOD)
    assert proof["Agrees"].tolist() == ["no", "yes", "no", "yes"]
    assert proof["Largest difference"].tolist()[:3] == ["0.01", "0.00", "0.01"]


def test_a_section_that_is_off_is_an_empty_table(pack: boardpack.BoardPack) -> None:
    assert pack.table("weather").empty
    assert pack.table("demand")["Site"].tolist() == ["All sites", "North", "South"]


def test_statistical_lines_are_no_money_and_need_no_comment(inputs: sources.Inputs) -> None:
    found = [*rows(), *line("(all)", "Orders", "statistical", 900000, 100, material=True)]
    pack = boardpack.build(frame(found), inputs, jobs(), PERIOD)
    assert pack.status == "FINAL"
    assert "Orders" not in Page(boardpack.html(pack)).text


def test_an_unknown_section_is_refused_and_names_those_there_are(pack: boardpack.BoardPack) -> None:
    with pytest.raises(KeyError, match="there are plan, lines"):
        pack.section("weather")


# The charts


def test_bars_start_at_zero_and_share_one_scale() -> None:
    left, right = drawing.bars([-50.0, 100.0])
    assert (left.start, left.start + left.width) == (0.0, left.zero)
    assert (right.start, right.start + right.width) == (pytest.approx(right.zero), 1.0)
    assert right.width == pytest.approx(2 * left.width, abs=1e-3)


def test_charts_of_one_unit_share_a_scale_unless_one_would_vanish() -> None:
    limits, own = drawing.shared_limits({"calls": (0, 1000), "chats": (0, 500), "faxes": (0, 50)})
    assert limits["calls"] == limits["chats"] == (0, 1000)
    assert own == {"faxes"}
    assert limits["faxes"] == (0, 50)


def test_columns_are_as_high_as_their_figures_and_absent_where_there_is_none() -> None:
    months = ["2026-07", "2026-08", "2026-09"]
    chart = drawing.month_chart(
        months,
        {"AC": [10.0, -5.0, None], "FC": [None, None, 20.0]},
        title="",
        alt="",
        note="",
        limits=(-5.0, 20.0),
        marked="2026-08",
        write=str,
    )
    heights = {(mark.scenario, round(mark.x // 120)): mark.height for mark in chart.marks}
    assert set(heights) == {("AC", 0), ("AC", 1), ("FC", 2)}
    assert heights["FC", 2] == pytest.approx(2 * heights["AC", 0], abs=0.02)
    assert [mark.y >= chart.base for mark in chart.marks] == [False, True, False]
    assert all(0 <= mark.x <= mark.x + mark.width <= chart.width for mark in chart.marks)


# The page


class Page(HTMLParser):
    """What a browser would make of a page: its elements in order, with attributes, and its text."""

    VOID = frozenset({"meta", "rect", "line", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "p" not in self.open or tag not in ("p", "div", "details", "ul", "ol"), (
            "a browser would close the paragraph"
        )
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]


HOSTILE = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "attribute": "\" onmouseover=\"alert(3)' style='position:fixed",
    "formula": "=HYPERLINK(\"http://evil.example\",\"click\")",
    "template": "{{ 7 * 7 }}{% for x in y %}#eval(1)",
    "right to left": "\u202egnp.exe \u05e9\u05dc\u05d5\u05dd\u202c",
    "emoji": "Warehouse \U0001f3ed\U0001f469\u200d\U0001f4bb",
    "Cyrillic": "Оплата послуг (крім комунальних) " * 30,
    "long": "x" * 10_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_shown_whole_and_never_obeyed(name: str, inputs: sources.Inputs) -> None:
    found = [row | {"item": name if row["item"] in ("Wages", "calls") else row["item"]} for row in rows()]
    ours = dataclasses.replace(inputs, settings=dataclasses.replace(inputs.settings, organisation=name))
    plan = {"jobs": [{"notebook": "02_seasonal_demand", "entity": name, "state": "failed", "reason": name}]}
    text = boardpack.html(boardpack.build(frame(found), ours, plan, PERIOD))
    page = Page(text)
    assert not page.open
    assert page.text.count(name) >= 4
    assert {tag for tag, _ in page.elements} & {"script", "img", "iframe", "a", "form", "link", "object"} == set()
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]


def test_a_right_to_left_mark_in_a_name_ends_with_the_name() -> None:
    assert isolated("\u202egnp.exe") == "\u2068\u202egnp.exe\u2069"
    assert isolated("Оплата") == "Оплата"


def test_the_page_opens_offline_and_runs_nothing(pack: boardpack.BoardPack) -> None:
    text = boardpack.html(pack)
    assert not re.search(r"https?:|src=|@import|url\((?!#)", text)
    policy = next(a["content"] for a in Page(text).all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_headings_descend_one_by_one_and_tables_name_their_heads(pack: boardpack.BoardPack) -> None:
    page = Page(boardpack.html(pack))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert {a.get("scope") for a in page.all("th")} == {"col", "row", "rowgroup"}
    assert len(page.all("caption")) == len(page.all("table")) > 4


def test_every_picture_says_in_words_what_it_shows_or_is_hidden(pack: boardpack.BoardPack) -> None:
    pictures = Page(boardpack.html(pack)).all("svg")
    charts = [a for a in pictures if a.get("role") == "img"]
    assert len(charts) == 4
    assert all(a["aria-label"] for a in charts)
    assert all(a.get("aria-hidden") == "true" for a in pictures if a.get("role") != "img")


def test_an_effect_is_said_in_a_letter_and_not_by_colour_alone(pack: boardpack.BoardPack) -> None:
    text = boardpack.html(pack)
    assert re.search(r'\+60\.00 <abbr class="adverse" title="adverse">A</abbr>', text)


def test_draft_stands_on_the_page_and_on_every_sheet_of_paper(inputs: sources.Inputs) -> None:
    final = boardpack.html(boardpack.build(frame(rows()), inputs, jobs(), PERIOD))
    draft = boardpack.html(boardpack.build(frame(rows()), inputs, jobs(_01="failed"), PERIOD))
    assert '<div class="watermark"' in draft
    assert '<p class="stamp draft">DRAFT</p>' in draft
    assert '<div class="watermark"' not in final
    assert '<p class="stamp final">FINAL</p>' in final


def test_the_same_figures_give_the_same_bytes_in_whatever_order_they_come(inputs: sources.Inputs) -> None:
    found = rows()
    pages = set()
    for seed in range(3):
        random.Random(seed).shuffle(found)
        pages.add(boardpack.html(boardpack.build(frame(found), inputs, jobs(), PERIOD)))
    assert len(pages) == 1


def test_without_a_figure_there_is_still_a_page_that_says_so(inputs: sources.Inputs) -> None:
    pack = boardpack.build(frame(rows()).iloc[:0], inputs, {}, PERIOD)
    assert pack.headlines[0].startswith("There are no figures")
    assert "There are no figures" in Page(boardpack.html(pack)).text


# The run folder


def test_save_writes_the_page_and_its_status_whole(inputs: sources.Inputs, tmp_path: Path) -> None:
    pack = boardpack.build(frame(rows()), inputs, jobs(_01="failed"), PERIOD)
    boardpack.save(pack, tmp_path)
    assert (tmp_path / "board_pack.html").read_text(encoding="utf-8") == boardpack.html(pack)
    status = json.loads((tmp_path / "results" / "board_pack" / "status.json").read_text(encoding="utf-8"))
    assert status == {"status": "DRAFT", "reasons": [reason._asdict() for reason in pack.reasons]}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["board_pack.html", "results"]


def test_without_a_run_folder_nothing_is_written(
    pack: boardpack.BoardPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    boardpack.save(pack, "")
    assert list(tmp_path.iterdir()) == []


def test_the_plan_holds_what_decides_the_pack_and_no_durations(tmp_path: Path) -> None:
    manifest = {"seconds": 3.2, "plan": {"period": PERIOD}, "jobs": [{"id": "a", "notebook": "01_budget_variance"}]}
    manifest["jobs"][0] |= {"entity": "North", "state": "done", "reason": "", "seconds": 1.5}  # type: ignore[index]
    (tmp_path / "run.json").write_text(json.dumps(manifest), encoding="utf-8")
    plan = boardpack.read_plan(tmp_path)
    assert plan["plan"] == {"period": PERIOD}
    assert plan["jobs"] == [
        {"id": "a", "notebook": "01_budget_variance", "entity": "North", "state": "done", "reason": ""}
    ]


def test_without_a_run_there_is_no_plan(tmp_path: Path) -> None:
    assert boardpack.read_plan("") == {}
    assert boardpack.read_plan(tmp_path) == {}
