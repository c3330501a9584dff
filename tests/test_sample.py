"""The sample: its promises are held to what stands in the files, by arithmetic of the test's own."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import json
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import duckdb
import pytest

from opsanalytics.sample import DEFAULT_SEED, demand_truth, write_sample
from opsanalytics.sample.company import public_holidays
from opsanalytics.sample.draws import Draws, half_even, scaled, split, split_fairly
from opsanalytics.schemas import TABLES

KEPT = Path(__file__).parents[1] / "data" / "sample"
RULES = {
    "repeat",
    "mangled_code",
    "orphan",
    "wrong_period",
    "unparsable",
    "too_many_decimals",
    "not_a_choice",
    "out_of_range",
    "missing_value",
    "conflicting_key",
    "overlapping_validity",
    "control_total",
    "foreign_currency",
    "unknown_column",
    "missing_column",
    "unreadable",
    "nonexistent_hour",
}
Rows = list[dict[str, str]]


def read(folder: Path, table: str) -> Rows:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def cents(amount: str) -> int:
    value = Decimal(amount).scaleb(2)
    assert value == int(value)
    return int(value)


def rounded(amount: Decimal) -> int:
    return int(amount.scaleb(2).quantize(Decimal(1), ROUND_HALF_EVEN))


def fiscal(period: str) -> int:
    return int(period[:4]) + (period[5:] >= "07")


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean")
    for left_over in ("truth.json", "ledger.parquet"):
        (folder / left_over).write_text("of an earlier sample", encoding="utf-8")
    write_sample(folder)
    return folder


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faulty")
    write_sample(folder, faults=True)
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("other")
    write_sample(folder, seed=20_260_930)
    return folder


@pytest.fixture(scope="module")
def ledger(clean: Path) -> Rows:
    return read(clean, "ledger")


@pytest.fixture(scope="module")
def site_of(clean: Path) -> dict[str, str]:
    return {row["cost_centre"]: row["site"] for row in read(clean, "cost_centres")}


@pytest.fixture(scope="module")
def account(clean: Path) -> dict[str, dict[str, str]]:
    return {row["account"]: row for row in read(clean, "accounts")}


# -- the files ---------------------------------------------------------------------------------


def test_the_kept_sample_is_what_the_generator_writes_to_the_byte(clean: Path) -> None:
    kept, made = ({file.name: file.read_bytes() for file in folder.iterdir()} for folder in (KEPT, clean))
    assert kept.keys() == made.keys()
    assert [name for name in kept if kept[name] != made[name]] == []


def test_the_kept_sample_is_small_enough_to_keep() -> None:
    sizes = [file.stat().st_size for file in KEPT.iterdir()]
    assert sum(sizes) <= 8_000_000
    assert max(sizes) <= 3_000_000


def test_files_are_plain_text_with_line_feeds_and_without_a_byte_order_mark(clean: Path) -> None:
    for file in clean.iterdir():
        content = file.read_bytes()
        assert b"\r" not in content
        assert not content.startswith(b"\xef\xbb\xbf")
        content.decode("utf-8")


def test_another_seed_is_another_company_with_the_same_tables(clean: Path, other: Path) -> None:
    assert {file.name for file in other.iterdir()} == {file.name for file in clean.iterdir()}
    assert (other / "ledger.csv").read_bytes() != (clean / "ledger.csv").read_bytes()
    assert (other / "demand.csv").read_bytes() != (clean / "demand.csv").read_bytes()


def test_nothing_of_an_earlier_sample_is_left(clean: Path) -> None:
    assert {file.name for file in clean.iterdir()} == {"workbook.toml", *(f"{name}.csv" for name in TABLES)}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_is_there_with_its_columns_its_key_and_no_blank_where_none_may_be(clean: Path, name: str) -> None:
    table, rows = TABLES[name], read(clean, name)
    assert rows
    assert list(rows[0]) == [column.name for column in table.columns if column.name in rows[0]]
    assert (
        {column.name for column in table.columns if not column.optional}
        <= set(rows[0])
        <= {c.name for c in table.columns}
    )
    keys = [tuple(row.get(column, "") for column in table.key) for row in rows]
    assert len(set(keys)) == len(keys)
    for column in table.columns:
        if not column.may_be_blank:
            assert all(row[column.name] for row in rows), column.name
        if column.choices:
            assert {row[column.name] for row in rows} - {""} <= set(column.choices)


def test_references_lead_somewhere(clean: Path) -> None:
    known = {
        f"{name}.{key}": {row[key] for row in read(clean, name)}
        for name, key in (
            ("sites", "site"),
            ("services", "service"),
            ("cost_centres", "cost_centre"),
            ("accounts", "account"),
        )
    }
    for name, table in TABLES.items():
        for column in table.columns:
            if column.references:
                used = {row[column.name] for row in read(clean, name)} - {""}
                assert used <= known[column.references], (name, column.name)


# -- the company -------------------------------------------------------------------------------


def test_the_company_has_the_size_it_is_said_to_have(
    clean: Path, ledger: Rows, account: dict[str, dict[str, str]]
) -> None:
    assert [row["site"] for row in read(clean, "sites")] == ["Dublin", "Cork", "Galway"]
    assert len({row["cost_centre"] for row in read(clean, "cost_centres")}) == 20
    assert len(account) == 40
    assert {row["type"] for row in account.values()} == {"revenue", "cost", "statistical"}
    assert 19_000 <= len(ledger) <= 21_000
    months = sorted({row["period"] for row in ledger})
    assert (months[0], months[-1], len(months)) == ("2023-07", "2026-10", 40)


def test_a_code_with_leading_zeros_is_there_to_be_mangled(site_of: dict[str, str], ledger: Rows) -> None:
    assert site_of["0355100000"] == "Galway"
    assert any(row["cost_centre"] == "0355100000" for row in ledger)


def test_the_moved_cost_centre_belongs_to_one_department_at_a_time(clean: Path) -> None:
    spans = defaultdict(list)
    for row in read(clean, "cost_centres"):
        spans[row["cost_centre"]].append(row)
    moved = [rows for rows in spans.values() if len(rows) > 1]
    assert len(moved) == 1
    before, after = moved[0]
    assert before["department"] != after["department"]
    assert dt.date.fromisoformat(before["valid_to"]) + dt.timedelta(1) == dt.date.fromisoformat(after["valid_from"])


def test_holidays_are_those_of_ireland() -> None:
    import holidays

    for year in range(2023, 2029):
        assert set(public_holidays(year)) == set(holidays.country_holidays("IE", years=year))


# -- the ledger --------------------------------------------------------------------------------


def ledger_totals(
    ledger: Rows, site_of: dict[str, str], account: dict[str, dict[str, str]]
) -> dict[tuple[str, ...], list[int]]:
    totals: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
    for row in ledger:
        total = totals[row["period"], site_of[row["cost_centre"]], account[row["account"]]["type"]]
        total[0] += cents(row["amount"])
        total[1] += 1
    return totals


def test_control_totals_are_the_sums_and_counts_of_the_ledger(
    clean: Path, ledger: Rows, site_of: dict[str, str], account: dict[str, dict[str, str]]
) -> None:
    stated = {
        (r["period"], r["site"], r["type"]): [cents(r["amount"]), int(r["lines"])]
        for r in read(clean, "control_totals")
    }
    assert stated == ledger_totals(ledger, site_of, account)


def test_each_accrual_is_reversed_on_the_first_of_the_next_month_but_for_those_still_open(ledger: Rows) -> None:
    accruals = {row["document"][3:]: row for row in ledger if row["document"].startswith("AC-")}
    reversals = {row["document"][3:]: row for row in ledger if row["document"].startswith("RV-")}
    assert len(reversals) > 500
    assert {name for name in accruals if name not in reversals} == {
        n for n, row in accruals.items() if row["period"] == "2026-10"
    }
    for name, reversal in reversals.items():
        accrual = accruals[name]
        assert cents(accrual["amount"]) + cents(reversal["amount"]) == 0
        assert (accrual["cost_centre"], accrual["account"]) == (reversal["cost_centre"], reversal["account"])
        day = dt.date.fromisoformat(accrual["posted_on"]) + dt.timedelta(1)
        assert (reversal["posted_on"], reversal["period"], day.day) == (day.isoformat(), day.isoformat()[:7], 1)


def test_late_postings_are_at_most_two_months_late_and_none_is_early_or_after_the_last_day(ledger: Rows) -> None:
    late = []
    for row in ledger:
        posted = dt.date.fromisoformat(row["posted_on"])
        late.append(12 * posted.year + posted.month - 12 * int(row["period"][:4]) - int(row["period"][5:]))
    assert (min(late), max(late)) == (0, 2)
    assert 50 < sum(months > 0 for months in late) < 600
    assert max(row["posted_on"] for row in ledger) <= "2026-10-31"


def test_refunds_are_negative_and_one_offs_are_flagged(ledger: Rows, account: dict[str, dict[str, str]]) -> None:
    refunds = [row for row in ledger if row["document"].startswith("CN-")]
    assert len(refunds) > 300
    assert all(cents(row["amount"]) < 0 for row in refunds)
    assert any(account[row["account"]]["type"] == "revenue" for row in refunds)
    assert sum(row["one_off"] == "true" for row in ledger) == 4


def test_pay_steps_each_january(clean: Path) -> None:
    rate = {
        r["period"]: r["actual_rate"]
        for r in read(clean, "payroll")
        if (r["cost_centre"], r["grade"]) == ("0110", "Operative")
    }
    months = sorted(rate)
    steps = [later for earlier, later in itertools.pairwise(months) if rate[earlier] != rate[later]]
    assert steps == ["2024-01", "2025-01", "2026-01"]


def test_utilities_cost_more_in_winter(ledger: Rows) -> None:
    gas: dict[str, int] = defaultdict(int)
    for row in ledger:
        if row["account"] == "530200" and fiscal(row["period"]) == 2026:
            gas[row["period"]] += cents(row["amount"])
    assert gas["2026-01"] > 2 * gas["2025-07"]


# -- tables that agree with the ledger -----------------------------------------------------------


def test_units_times_price_is_the_revenue_of_the_ledger(clean: Path, ledger: Rows, site_of: dict[str, str]) -> None:
    revenue: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in ledger:
        revenue[row["period"], site_of[row["cost_centre"]], row["account"]] += cents(row["amount"])
    named = {
        "Order handling": "400100",
        "Pallet storage": "400200",
        "Haulage": "400300",
        "Parcel delivery": "400400",
        "Customs clearance": "400500",
    }
    for row in read(clean, "sales"):
        sold = rounded(Decimal(row["actual_units"]) * Decimal(row["actual_price"]))
        assert sold == revenue[row["period"], row["site"], named[row["product"]]]


def test_headcount_times_pay_is_the_wages_of_the_ledger(clean: Path, ledger: Rows) -> None:
    wages: dict[tuple[str, str], int] = defaultdict(int)
    for row in ledger:
        if row["account"] == "500100":
            wages[row["period"], row["cost_centre"]] += cents(row["amount"])
    paid: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in read(clean, "payroll"):
        paid[row["period"], row["cost_centre"]] += Decimal(row["actual_fte"]) * Decimal(row["actual_rate"])
    assert {key: cents(str(amount)) for key, amount in paid.items()} == wages


def test_packaging_at_its_price_is_the_packaging_of_the_ledger(clean: Path, ledger: Rows) -> None:
    booked: dict[tuple[str, str], int] = defaultdict(int)
    for row in ledger:
        if row["account"] == "540100":
            booked[row["period"], row["cost_centre"]] += cents(row["amount"])
    rows = [row for row in read(clean, "standard_costs") if row["input"] == "Packaging"]
    assert rows
    for row in rows:
        cost = rounded(Decimal(row["actual_quantity"]) * Decimal(row["actual_price"]))
        assert cost == booked[row["period"], row["cost_centre"]]


def test_parcels_sold_are_the_parcels_asked_for(clean: Path) -> None:
    asked: dict[tuple[str, str], int] = defaultdict(int)
    for row in read(clean, "demand"):
        if row["service"] == "Parcels":
            asked[row["ds"][:7], row["site"]] += int(row["volume"])
    sold = {
        (r["period"], r["site"]): int(r["actual_units"])
        for r in read(clean, "sales")
        if r["product"] == "Parcel delivery"
    }
    assert sold == asked


def test_a_pool_costs_what_its_departments_cost(clean: Path, ledger: Rows, account: dict[str, dict[str, str]]) -> None:
    names = {row["cost_centre"]: row["name"] for row in read(clean, "cost_centres")}
    cost = sum(
        cents(row["amount"])
        for row in ledger
        if row["period"] == "2026-09"
        and account[row["account"]]["type"] == "cost"
        and names[row["cost_centre"]].endswith("customer service")
    )
    pools = {
        r["pool_cost"] for r in read(clean, "activities") if (r["period"], r["pool"]) == ("2026-09", "Customer service")
    }
    assert [cents(pool) for pool in pools] == [cost]


def test_shrinkage_by_category_sums_to_the_standard(clean: Path) -> None:
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in read(clean, "shrinkage"):
        sums[row["site"], row["service"]] += Decimal(row["share"])
    for row in read(clean, "standards"):
        assert Decimal(row["shrinkage"]) == sums[row["site"], row["service"]]


def test_rosters_cover_the_work_and_those_absent_but_for_galways_order_lines(clean: Path) -> None:
    pace = {(r["site"], r["service"]): Decimal(r["units_per_hour"] or 0) for r in read(clean, "standards")}
    present = {(r["site"], r["service"]): 1 - Decimal(r["shrinkage"]) for r in read(clean, "standards")}
    work: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in read(clean, "demand"):
        if row["ds"].startswith("2026-10") and row["service"] != "Contacts":
            key = row["site"], row["service"]
            work[key] += int(row["volume"]) / pace[key] / present[key]
    paid: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in read(clean, "roster"):
        assert Decimal(row["hours"]) == int(row["staff"]) * (Decimal("0.5") if row["service"] == "Contacts" else 8)
        if row["start"].startswith("2026-10"):
            paid[row["site"], row["service"]] += Decimal(row["hours"])
    short = {key for key in work if paid[key] < work[key]}
    assert short == {("Galway", "Order lines")}
    assert all(paid[key] < Decimal("1.5") * work[key] for key in work)


def test_galways_roster_knows_the_new_customer_once_the_hires_are_trained(clean: Path) -> None:
    def ratio(site: str) -> float:
        people = {
            period: sum(
                int(row["staff"])
                for row in read(clean, "roster")
                if (row["site"], row["service"]) == (site, "Order lines") and row["start"].startswith(period)
            )
            for period in ("2026-11", "2026-12")
        }
        return people["2026-12"] / people["2026-11"]

    assert ratio("Galway") > 1.25 * ratio("Dublin")  # the same season at both


def test_the_desks_have_people_for_the_calls_in_all_but_a_few_half_hours(clean: Path) -> None:
    handling = {
        (r["site"], r["service"]): int(r["aht_s"])
        for r in read(clean, "standards")
        if r["service"] == "Contacts" and r["valid_from"] == "2026-01-01"
    }
    staff = {(r["start"], r["site"], r["service"]): int(r["staff"]) for r in read(clean, "roster")}
    overrun, halves = 0, 0
    for row in read(clean, "demand"):
        key = row["ds"], row["site"], row["service"]
        if row["ds"] >= "2026-10-01T" and row["service"] == "Contacts":
            load = int(row["volume"]) * handling[key[1:]] / 1800
            overrun += staff[key] * 0.72 < load  # shrinkage of 28 %
            halves += 1
    assert halves > 1000
    assert overrun < halves / 20


def test_key_figures_are_their_numerator_over_their_denominator(clean: Path) -> None:
    for row in read(clean, "kpis"):
        assert float(row["value"]) == pytest.approx(int(row["numerator"]) / int(row["denominator"]), abs=1e-6)


# -- commentary --------------------------------------------------------------------------------


def test_comments_cover_every_material_variance_and_nothing_else(
    clean: Path, site_of: dict[str, str], ledger: Rows, account: dict[str, dict[str, str]]
) -> None:
    """Lines budgeted by fiscal year are left out here; they are too small to matter, and the amounts show that."""
    budget = read(clean, "budget")
    yearly = {(row["cost_centre"], row["account"]) for row in budget if len(row["period"]) == 4}
    comments = {(row["period"], row["entity"], row["item"]): cents(row["amount"]) for row in read(clean, "commentary")}
    material: dict[tuple[str, str, str], int] = {}
    for last in range(7, 11):
        months = {f"2026-{month:02d}" for month in range(7, last + 1)}
        period = max(months)
        chosen: dict[tuple[str, str, str], tuple[str, str, int]] = {}
        for row in budget:
            if row["period"] in months and row["valid_from"] <= period:
                line = (row["period"], row["cost_centre"], row["account"])
                rank = ("b" if row["version"] == "amended" else "a", row["valid_from"])
                if rank >= chosen.get(line, ("", "", 0))[:2]:
                    chosen[line] = (*rank, cents(row["amount"]))
        plan: dict[tuple[str, str], int] = defaultdict(int)
        came: dict[tuple[str, str], int] = defaultdict(int)
        for (_, centre, code), (_, _, amount) in chosen.items():
            for entity in (site_of[centre], "(all)"):
                plan[entity, account[code]["pl_line"]] += amount
        for row in ledger:
            if row["period"] in months and (row["cost_centre"], row["account"]) not in yearly:
                for entity in (site_of[row["cost_centre"]], "(all)"):
                    came[entity, account[row["account"]]["pl_line"]] += cents(row["amount"])
        for entity, pl_line in plan.keys() | came.keys():
            variance = came[entity, pl_line] - plan[entity, pl_line]
            if abs(variance) >= 10_000_00 and 20 * abs(variance) >= plan[entity, pl_line]:
                material[period, entity, pl_line] = variance
    assert len(material) > 30
    assert comments.keys() == material.keys()
    assert all(abs(comments[key] - variance) < 1_000_00 for key, variance in material.items())


def test_comments_speak_of_what_had_happened(clean: Path) -> None:
    for row in read(clean, "commentary"):
        if row["period"] == "2026-07":
            assert "campaign" not in row["text"]
            assert "flood" not in row["text"]


def test_every_material_variance_has_a_story_whatever_the_seed(other: Path) -> None:
    assert len(read(other, "commentary")) > 30  # the generator refuses a material variance without a story


# -- demand ------------------------------------------------------------------------------------


def test_daily_demand_has_every_day_and_contacts_every_half_hour_that_is_open(clean: Path) -> None:
    stamps: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in read(clean, "demand"):
        stamps[row["site"], row["service"]].append(row["ds"])
    first, last = dt.date(2023, 7, 1), dt.date(2026, 10, 31)
    every_day = [(first + dt.timedelta(i)).isoformat() for i in range((last - first).days + 1)]
    halves = {
        weekday: [f"{minutes // 60:02d}:{minutes % 60:02d}" for minutes in range(opens * 60, closes * 60, 30)]
        for weekday, (opens, closes) in enumerate([(7, 19)] * 5 + [(9, 13), (0, 0)])
    }
    open_halves = [
        f"{day}T{half}"
        for day in every_day
        if day >= "2025-10-01"
        for half in halves[dt.date.fromisoformat(day).weekday()]
    ]
    for (_, service), found in stamps.items():
        assert found == (open_halves if service == "Contacts" else every_day)
    assert {site for site, service in stamps if service == "Contacts"} == {"Dublin", "Cork"}


def expected_volume(series: dict[str, object], truth: dict[str, object], day: dt.date) -> float:
    """Return the formula of the truth in floats: an independent reading of the parameters."""
    season = series["season_mid_month"]
    before = day if day.day >= 15 else day.replace(day=1) - dt.timedelta(1)
    start = before.replace(day=15)
    end = (start + dt.timedelta(31)).replace(day=15)
    share = (day - start).days / (end - start).days
    value = series["level"] * (1 + series["trend_per_year"] / 1000 * (day - dt.date(2023, 7, 1)).days / 365)
    value *= (season[start.month - 1] * (1 - share) + season[end.month - 1] * share) / 1000
    value *= list(series["weekday"].values())[day.weekday()] / 1000
    where = (series["site"], series["service"])
    if day in public_holidays(day.year):
        value *= series["holiday"] / 1000
    for campaign in truth["campaigns"]:
        if campaign["first"] <= day.isoformat() <= campaign["last"]:
            value *= next((f["factor"] for f in campaign["factors"] if (f["site"], f["service"]) == where), 1000) / 1000
    for shift in truth["level_shifts"]:
        if (shift["site"], shift["service"]) == where and day.isoformat() >= shift["first"]:
            value *= shift["factor"] / 1000
    closed = any(
        c["first"] <= day.isoformat() <= c["last"] and c["site"] in (where[0], "(all)") for c in truth["closures"]
    )
    return 0.0 if closed else value


def test_demand_is_the_truth_with_noise_of_the_stated_size(clean: Path) -> None:
    truth = demand_truth(DEFAULT_SEED)
    volumes = {
        (r["site"], r["service"], r["ds"]): int(r["volume"])
        for r in read(clean, "demand")
        if r["service"] != "Contacts"
    }
    for series in truth["series"]:
        if series["service"] == "Contacts":
            continue
        noise = []
        for (site, service, ds), volume in volumes.items():
            if (site, service) == (series["site"], series["service"]):
                expected = expected_volume(series, truth, dt.date.fromisoformat(ds))
                if expected == 0:
                    assert volume == 0
                else:
                    noise.append(volume / expected - 1)
        stated = series["noise_standard_deviation"] / 1000
        deviation = (sum(n * n for n in noise) / len(noise)) ** 0.5
        assert abs(sum(noise) / len(noise)) < 4 * stated / len(noise) ** 0.5
        assert deviation == pytest.approx(stated, rel=0.1)


# -- faults ------------------------------------------------------------------------------------


def truth_of(folder: Path) -> list[dict[str, object]]:
    return json.loads((folder / "truth.json").read_text(encoding="utf-8"))["faults"]


def test_a_fault_of_every_rule_is_planted_and_the_demand_is_in_the_truth(faulty: Path) -> None:
    truth = json.loads((faulty / "truth.json").read_text(encoding="utf-8"))
    assert {fault["rule"] for fault in truth["faults"]} == RULES
    assert {fault["severity"] for fault in truth["faults"]} == {"quarantined", "error"}
    assert truth["demand"] == demand_truth(DEFAULT_SEED)
    named = [(f["table"], f["row"], f["column"], f["rule"]) for f in truth["faults"]]
    assert len(set(named)) == len(named)


def test_the_truth_names_the_line_on_which_the_value_stands(faulty: Path) -> None:
    for fault in truth_of(faulty):
        lines = (faulty / str(fault["file"])).read_bytes().split(b"\n")
        header, line = lines[0].decode().split(","), lines[int(str(fault["row"])) - 1]
        if fault["rule"] == "unreadable":
            with pytest.raises(UnicodeDecodeError):
                line.decode("utf-8")
        elif fault["rule"] == "missing_column":
            assert fault["value"] not in header
        elif fault["rule"] == "unknown_column":
            assert fault["value"] in header
        else:
            cells = dict(zip(header, next(csv.reader([line.decode()])), strict=True))
            assert ",".join(cells[name] for name in str(fault["column"]).split(",")) == fault["value"]


def test_repeats_repeat_conflicts_contradict_and_mangled_rows_have_a_twin(faulty: Path) -> None:
    for fault in truth_of(faulty):
        if fault["rule"] not in ("repeat", "conflicting_key", "mangled_code"):
            continue
        rows = read(faulty, str(fault["table"]))
        place = int(str(fault["row"])) - 2
        key = TABLES[str(fault["table"])].key
        twins = [row for row in rows[:place] if all(row[name] == rows[place][name] for name in key)]
        assert len(twins) == 1
        differs = [name for name, cell in twins[0].items() if rows[place][name] != cell]
        if fault["rule"] == "repeat":
            assert differs == []
        elif fault["rule"] == "conflicting_key":
            assert differs
        else:
            assert differs == [fault["column"]]
            assert float(twins[0][differs[0]]) == float(str(fault["value"]))


def test_only_the_control_totals_planted_wrong_are_missed(
    faulty: Path, site_of: dict[str, str], account: dict[str, dict[str, str]]
) -> None:
    faults = [fault for fault in truth_of(faulty) if fault["table"] == "ledger"]
    out = {fault["row"] for fault in faults if fault["rule"] in ("repeat", "mangled_code", "conflicting_key")}
    unknown, sums = set(), defaultdict(int)
    unreadable = {f["row"] for f in faults if f["column"] in ("amount", "currency")}
    unplaced: dict[str, int] = defaultdict(int)
    for number, row in enumerate(read(faulty, "ledger"), start=2):
        if number in out:
            continue
        if row["cost_centre"] not in site_of or row["account"] not in account:
            unplaced[row["document"]] += cents(row["amount"])
            continue
        key = (row["period"], site_of[row["cost_centre"]], account[row["account"]]["type"])
        if number in unreadable:
            unknown.add(key)
        else:
            sums[key] += cents(row["amount"])
    assert set(unplaced.values()) == {0}
    stated = {(r["period"], r["site"], r["type"]): r for r in read(faulty, "control_totals")}
    missed = {
        stated[key]["amount"] for key in stated if key not in unknown and cents(stated[key]["amount"]) != sums[key]
    }
    planted = {str(f["value"]) for f in truth_of(faulty) if f["rule"] == "control_total"}
    assert missed == planted
    assert len(unknown) == 5
    assert all(sums[key] == cents(stated[key]["amount"]) for key in unknown)


# -- the large ledger --------------------------------------------------------------------------


def test_the_large_ledger_has_the_lines_asked_for_and_adds_up_to_the_small_one(
    clean: Path, tmp_path: Path, site_of: dict[str, str], account: dict[str, dict[str, str]]
) -> None:
    seen: list[tuple[int, int]] = []
    write_sample(tmp_path, ledger_lines=100_001, progress=lambda done, total, text: seen.append((done, total)))
    assert not (tmp_path / "ledger.csv").exists()
    assert seen[-1] == (100_001, 100_001)
    large = duckdb.read_parquet(str(tmp_path / "ledger.parquet"))
    types = dict(zip(large.columns, map(str, large.types), strict=True))
    assert types["amount"] == "DECIMAL(18,2)"
    assert types["posted_on"] == "DATE"
    assert types["account"] == types["period"] == types["cost_centre"] == "VARCHAR"
    assert large.aggregate("count(distinct document || ' ' || line)").fetchall() == [(100_001,)]
    query = "period, cost_centre, account, CAST(sum(amount) * 100 AS BIGINT), count(*)"
    totals: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
    for period, centre, code, amount, lines in large.aggregate(query).fetchall():
        total = totals[period, site_of[centre], account[code]["type"]]
        total[0], total[1] = total[0] + amount, total[1] + lines
    stated = {
        (r["period"], r["site"], r["type"]): [cents(r["amount"]), int(r["lines"])]
        for r in read(tmp_path, "control_totals")
    }
    assert stated == totals
    assert [r["amount"] for r in read(tmp_path, "control_totals")] == [
        r["amount"] for r in read(clean, "control_totals")
    ]
    assert (tmp_path / "budget.csv").read_bytes() == (clean / "budget.csv").read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"ledger_lines": 10}, "or more", id="fewer lines than the sample has"),
        pytest.param({"seed": -1}, "zero or more", id="a negative seed"),
        pytest.param({"ledger_lines": 50_000, "faults": True}, "not both", id="faults in a large ledger"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        write_sample(tmp_path / "new", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()


# -- whole-number chance -----------------------------------------------------------------------


def test_draws_stay_within_their_bounds_and_reach_both() -> None:
    drawn = Draws(1, "test").between(-3, 3, 10_000)
    assert (drawn.min(), drawn.max()) == (-3, 3)
    bell = Draws(1, "bell").bell(20_000)
    assert abs(float(bell.mean())) < 30
    assert float(bell.std()) == pytest.approx(1000, rel=0.03)


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"), [(5, 10, 0), (15, 10, 2), (25, 10, 2), (26, 10, 3), (-5, 10, 0)]
)
def test_halves_go_to_the_even_number(numerator: int, denominator: int, expected: int) -> None:
    assert half_even(numerator, denominator) == expected


def test_parts_sum_to_the_whole() -> None:
    assert sum(split(-100_01, [3, 1, 7])) == -100_01
    assert split(10, [1, 1, 1]) == [3, 3, 4]
    assert split_fairly(10, [1, 2, 3]) == [2, 3, 5]  # 1.67, 3.33, 5.00
    assert scaled(1000, 1500, 500) == 750
