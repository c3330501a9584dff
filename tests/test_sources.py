"""Sources: every row is accepted or left out with a reason, and every fault is named where it stands."""

from __future__ import annotations

import csv
import datetime as dt
import json
import zipfile
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from xml.sax.saxutils import escape

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from typer.testing import CliRunner

from opsanalytics import batch, sources
from opsanalytics.batch.planning.request import plan_checked
from opsanalytics.cli import app
from opsanalytics.formats import to_cents
from opsanalytics.schemas import TABLES, dtype, schema
from opsanalytics.sources.instants import clock_gaps
from opsanalytics.sources.rows import is_mangled_spelling
from opsanalytics.tables.checks import faults_sentence, reliance_sentence

REAL = Path(__file__).resolve().parents[2] / "shared" / "real"
needs_real = pytest.mark.skipif(
    not REAL.exists(), reason="the real data lies beside the repository only where it is developed"
)

ACCOUNTS = """account,name,type,pl_line,behaviour
4000,Sales,revenue,Sales,variable
6000,Wages,cost,Staff,fixed
"""
COST_CENTRES = """cost_centre,valid_from,name,department,site,valid_to
0100,2025-01-01,Dock,Operations,North,
0200,2025-01-01,Office,Support,South,2026-06-30
"""
LEDGER = """document,line,posted_on,period,cost_centre,account,amount,text
D1,1,2026-05-31,2026-05,0100,4000,1000.00,
D1,2,2026-05-31,2026-05,0100,6000,400.10,wages
D2,1,2026-06-30,2026-06,0200,6000,-0.05,"a, b"
"""


def folder(path: Path, **tables: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, text in tables.items():
        (path / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
    return path


def company(path: Path, ledger: str = LEDGER, **tables: str) -> Path:
    return folder(path, **{"accounts": ACCOUNTS, "cost_centres": COST_CENTRES, "ledger": ledger, **tables})


def found(inputs: sources.Inputs) -> list[tuple[str, str, int, str, str]]:
    """The faults as (rule, table, row, column, value)."""
    rows = inputs.faults[["rule", "table", "row", "column", "value"]]
    return [(str(a), str(b), int(c), str(d), str(e)) for a, b, c, d, e in rows.itertuples(index=False)]


def severities(inputs: sources.Inputs) -> dict[str, str]:
    return dict(zip(inputs.faults["rule"], inputs.faults["severity"], strict=True))


def file_counts(inputs: sources.Inputs, table: str) -> tuple[int, int, int]:
    row = inputs.files.set_index("table").loc[table]
    return int(row["rows"]), int(row["accepted"]), int(row["quarantined"])


# -- formats: the same table in any form gives the same checked rows ----------------------------


def write_xlsx(path: Path, sheets: dict[str, list[list[object]]]) -> None:
    """A minimal workbook: inline texts, numbers, and times of day formatted h:mm."""

    def cell(value: object) -> str:
        if isinstance(value, int | float):
            return f"<c><v>{value}</v></c>"
        if isinstance(value, dt.timedelta):
            return f'<c s="1"><v>{value / dt.timedelta(days=1)}</v></c>'
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'

    def sheet(rows: list[list[object]]) -> str:
        body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
        return f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>'

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    entries = [f'<sheet name="{n}" sheetId="{k}" r:id="r{k}"/>' for k, n in enumerate(sheets, 1)]
    links = [
        f'<Relationship Id="r{k}" Type="{rel}/worksheet" Target="worksheets/s{k}.xml"/>'
        for k in range(1, len(sheets) + 1)
    ]
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
            f'ContentType="{kind}.worksheet+xml"/><Override PartName="/xl/workbook.xml" '
            f'ContentType="{kind}.sheet.main+xml"/><Override PartName="/xl/styles.xml" '
            f'ContentType="{kind}.styles+xml"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r0" '
            f'Type="{rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{rel}"><sheets>{"".join(entries)}</sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}/relationships">{"".join(links)}'
            f'<Relationship Id="s" Type="{rel}/styles" Target="styles.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/styles.xml", f'<styleSheet xmlns="{main}"><cellXfs><xf/><xf numFmtId="20"/></cellXfs></styleSheet>'
        )
        for k, rows in enumerate(sheets.values(), 1):
            archive.writestr(f"xl/worksheets/s{k}.xml", sheet(rows))


def records(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines(keepends=True)))


def as_semicolons(text: str) -> str:
    return "\n".join(";".join(f'"{c}"' if "," in c else c.replace(".", ",") for c in r) for r in records(text)) + "\n"


@pytest.mark.parametrize(
    "form", ["semicolon", "bom", "crlf", "all quoted", "no last line end", "xlsx", "parquet text", "parquet typed"]
)
def test_the_same_table_in_any_form_gives_the_same_checked_rows(tmp_path: Path, form: str) -> None:
    plain = sources.read(company(tmp_path / "plain"))
    data = company(tmp_path / "other [1]*")
    (data / "ledger.csv").unlink()
    rows = records(LEDGER)
    if form == "semicolon":
        (data / "ledger.csv").write_text(as_semicolons(LEDGER), encoding="utf-8")
    elif form == "bom":
        (data / "ledger.csv").write_text(LEDGER, encoding="utf-8-sig")
    elif form == "crlf":
        (data / "ledger.csv").write_bytes(LEDGER.replace("\n", "\r\n").encode())
    elif form == "no last line end":
        (data / "ledger.csv").write_bytes(LEDGER.rstrip("\n").encode())
    elif form == "all quoted":
        (data / "ledger.csv").write_text("\n".join(",".join(f'"{c}"' for c in r) for r in rows), encoding="utf-8")
    elif form == "xlsx":
        sheet = [
            rows[0],
            *(
                [float(c) if n == "amount" else int(c) if n == "line" else c for n, c in zip(rows[0], r, strict=True)]
                for r in rows[1:]
            ),
        ]
        write_xlsx(data / "workbook.xlsx", {"ledger": sheet})
    else:
        typed = (
            "posted_on::DATE AS posted_on, amount::DECIMAL(18,2) AS amount"
            if form == "parquet typed"
            else "posted_on, amount"
        )
        duckdb.sql(
            f"COPY (SELECT * EXCLUDE (posted_on, amount), {typed} "
            f"FROM read_csv('{tmp_path}/plain/ledger.csv', all_varchar=true)) "
            f"TO '{data}/ledger.parquet' (FORMAT parquet)"
        )
    other = sources.read(data)
    assert found(other) == found(plain) == []
    assert_frame_equal(other.actuals("2026-12"), plain.actuals("2026-12"))
    assert plain.actuals("2026-12")["amount_cents"].tolist() == [1000_00, 400_10, -5]


def test_codes_stay_text(tmp_path: Path) -> None:
    data = folder(tmp_path)
    write_xlsx(
        data / "workbook.xlsx",
        {"sites": [["site", "name"], ["0355100000", "North"], [4711, "South"], ["1.10", "East"]]},
    )
    inputs = sources.read(data)
    assert inputs.tables["sites"]["site"].tolist() == ["0355100000", "4711", "1.10"]
    folder(tmp_path / "csv", sites="site,name\n0355100000,North\n007,South\n")
    assert sources.read(tmp_path / "csv").tables["sites"]["site"].tolist() == ["0355100000", "007"]


def test_every_checked_column_is_there_in_its_dtype(tmp_path: Path) -> None:
    tables = sources.read(company(tmp_path, sites="site,name\nNorth,N\nSouth,S\n")).tables
    for name, frame in tables.items():
        expected = {column.typed_name: dtype(column) for column in TABLES[name].columns}
        assert {str(n): str(t) for n, t in frame.dtypes.items()} == expected


def test_row_numbers_are_lines_of_the_file_despite_quoted_newlines_and_blank_lines(tmp_path: Path) -> None:
    ledger = (
        "document,line,posted_on,period,cost_centre,account,amount,text\n"
        'D1,1,2026-05-31,2026-05,0100,4000,1.00,"two\nlines"\n'
        "\n"
        "D1,2,2026-05-31,2026-05,0100,4000,bad,\n"  # line 5
        ",,,,,,,\n"
        "D1,3,2026-05-31,2026-05,0100,4000,9.999,\n"  # line 7
    )
    for text in (ledger, ledger.replace("\n", "\r\n"), "\ufeff" + ledger):
        inputs = sources.read(company(tmp_path, ledger=text))
        assert found(inputs) == [
            ("unparsable", "ledger", 5, "amount", "bad"),
            ("too_many_decimals", "ledger", 7, "amount", "9.999"),
        ]
        assert file_counts(inputs, "ledger") == (3, 1, 2)


def test_row_numbers_of_parquet_and_sheets_count_records_after_the_header(tmp_path: Path) -> None:
    write_xlsx(folder(tmp_path / "x") / "workbook.xlsx", {"sites": [["site", "name"], ["N", "North"], ["S", ""]]})
    duckdb.sql(
        "COPY (SELECT * FROM (VALUES ('N', 'North'), ('S', NULL)) t(site, name)) "
        f"TO '{folder(tmp_path / 'p')}/sites.parquet'"
    )
    for data in ("x", "p"):
        assert found(sources.read(tmp_path / data)) == [("missing_value", "sites", 3, "name", "")]


def test_a_column_may_go_by_another_name(tmp_path: Path) -> None:
    data = company(tmp_path, ledger=LEDGER.replace("amount", "Net amount"))
    (data / "workbook.toml").write_text('[columns.ledger]\namount = "Net amount"\n', encoding="utf-8")
    inputs = sources.read(data)
    assert found(inputs) == []
    assert inputs.actuals("2026-05")["amount_cents"].tolist() == [1000_00, 400_10]


def test_debit_credit_ledgers_get_the_natural_sign(tmp_path: Path) -> None:
    data = company(tmp_path, ledger=LEDGER.replace("1000.00", "-1000.00"))
    (data / "workbook.toml").write_text('[ledger]\nsign = "debit_credit"\n', encoding="utf-8")
    assert sources.read(data).actuals("2026-05")["amount_cents"].tolist() == [1000_00, 400_10]


# -- files that cannot be read --------------------------------------------------------------------


def test_no_folder_and_an_empty_folder_are_refused_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(sources.DataError, match="There is no data folder"):
        sources.read(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"holds no table.*ledger\.csv"):
        sources.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "row"),
    [
        pytest.param("sites.csv", "site,name\nN,Nürnberg\n".encode("latin-1"), 2, id="not UTF-8"),
        pytest.param("sites.csv", "site,name\nN,N\n".encode("utf-16"), 1, id="UTF-16"),
        pytest.param("sites.csv", b"", 1, id="empty"),
        pytest.param("sites.csv", b'site,name\nN,North\nS,"South\n', 3, id="a quote that never ends"),
        pytest.param("sites.csv", b"site,site,name\nN,N,North\n", 1, id="a column twice"),
        pytest.param("sites.parquet", b"PAR1 and no more", 0, id="broken Parquet"),
        pytest.param("workbook.xlsx", b"no workbook", 0, id="no workbook"),
    ],
)
def test_an_unreadable_file_is_an_error_and_the_others_are_still_read(
    tmp_path: Path, name: str, content: bytes, row: int
) -> None:
    data = company(tmp_path)
    (data / name).write_bytes(content)
    inputs = sources.read(data)
    assert inputs.faults[["severity", "file", "row", "rule"]].values.tolist() == [["error", name, row, "unreadable"]]
    assert inputs.has("ledger")
    assert not inputs.has("sites")


def test_two_sources_of_one_table_are_an_error_that_names_both(tmp_path: Path) -> None:
    data = company(tmp_path)
    duckdb.sql(f"COPY (SELECT 1 AS document) TO '{data}/ledger.parquet'")
    inputs = sources.read(data)
    assert inputs.faults["file"].tolist() == ["ledger.csv, ledger.parquet"]
    assert severities(inputs) == {"unreadable": "error"}
    assert not inputs.has("ledger")


def test_unknown_tables_and_columns_and_missing_columns_name_the_nearest(tmp_path: Path) -> None:
    data = company(tmp_path, budgt="a\n1\n", ledger=LEDGER.replace("amount", "amounts"))
    inputs = sources.read(data)
    assert found(inputs) == [
        ("unknown_table", "budgt", 0, "", "budgt"),
        ("missing_column", "ledger", 1, "amount", "amount"),  # and "amounts" is no fault of its own
    ]
    assert set(inputs.faults["severity"]) == {"error"}
    remedies = inputs.faults["remedy"].tolist()
    assert "'budget'" in remedies[0]
    assert '[columns.ledger] amount = "amounts"' in remedies[1]
    assert not inputs.has("ledger")


@pytest.mark.parametrize(
    ("header", "rules"),
    [
        pytest.param("site,Name of site", {"missing_column"}, id="a longer name"),
        pytest.param("site,nmae", {"missing_column"}, id="a slip"),
        pytest.param("site,colour", {"missing_column", "unknown_column"}, id="another thing altogether"),
        pytest.param("site,name,regions", {"unknown_column"}, id="an optional column is not missing"),
    ],
)
def test_a_misnamed_column_is_reported_once(tmp_path: Path, header: str, rules: set[str]) -> None:
    inputs = sources.read(folder(tmp_path, sites=header + "\n" + ",".join("N" for _ in header.split(",")) + "\n"))
    assert set(inputs.faults["rule"]) == rules
    assert len(inputs.faults) == len(rules)
    if rules == {"missing_column"}:
        assert f'[columns.sites] name = "{header.split(",")[1]}"' in inputs.faults["remedy"][0]


def test_the_name_of_a_file_or_sheet_may_be_in_any_case(tmp_path: Path) -> None:
    data = company(tmp_path / "files")
    (data / "ledger.csv").rename(data / "Ledger.CSV")
    inputs = sources.read(data)
    assert found(inputs) == []
    assert inputs.has("ledger")
    write_xlsx(folder(tmp_path / "book") / "Workbook.xlsx", {" Sites": [["site", "name"], ["N", "North"]]})
    inputs = sources.read(tmp_path / "book")
    assert found(inputs) == []
    assert inputs.tables["sites"]["site"].tolist() == ["N"]


def test_a_folder_in_the_place_of_a_table_is_an_error(tmp_path: Path) -> None:
    data = company(tmp_path)
    for name in ("budget.csv", "demand", "notes", "actions"):
        (data / name).mkdir()
    duckdb.sql(f"COPY (SELECT 1 AS volume) TO '{data}/demand/part-0.parquet'")
    inputs = sources.read(data)
    assert found(inputs) == [
        ("unreadable", "budget", 0, "", "budget.csv"),
        ("unreadable", "demand", 0, "", "demand"),
    ]
    assert severities(inputs) == {"unreadable": "error"}


def test_the_name_suggested_for_a_missing_column_is_never_one_in_use(tmp_path: Path) -> None:
    remedies = sources.read(folder(tmp_path / "a", sites="site,region\nN,North\n")).faults["remedy"]
    assert remedies.tolist() == [
        "The table needs the column 'name'. Add it, or, if it goes by another name, say so in workbook.toml: "
        '[columns.sites] name = "name in the file".'
    ]
    sites = "site,name,time_zone,region,colour\nN,North,,,red\n"
    remedies = sources.read(folder(tmp_path / "b", sites=sites)).faults["remedy"]
    assert remedies.tolist() == ["'colour' is no column of sites, and the file has all of those. Remove it."]


def test_a_row_with_too_many_or_too_few_cells_is_left_out_whole(tmp_path: Path) -> None:
    inputs = sources.read(folder(tmp_path, sites="site,name\nN,North\nS,South,East\nW\nE,East\n"))
    assert found(inputs) == [
        ("unparsable", "sites", 3, "", "S,South,East"),
        ("unparsable", "sites", 4, "", "W"),
    ]
    assert file_counts(inputs, "sites") == (4, 2, 2)
    assert inputs.quarantine["row"].tolist() == [3, 4]


# -- cells ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "cell", "rule"),
    [
        pytest.param("amount", "1,234.50", "unparsable", id="thousands separators are not accepted"),
        pytest.param("amount", "12.345", "too_many_decimals", id="more decimals than the currency has"),
        pytest.param("amount", "1e3", "unparsable", id="money in scientific notation"),
        pytest.param("amount", "99999999999999999999.00", "out_of_range", id="money beyond int64"),
        pytest.param("amount", "92233720368547758.07", "out_of_range", id="money whose sums are beyond int64"),
        pytest.param("amount", "-92233720368547758.08", "out_of_range", id="the same below zero"),
        pytest.param("amount", "10000000000000.01", "out_of_range", id="a cent beyond the largest amount"),
        pytest.param("amount", "", "missing_value", id="missing is not zero"),
        pytest.param("posted_on", "31.05.2026", "unparsable", id="dates are ISO"),
        pytest.param("posted_on", "2026-02-30", "unparsable", id="a day that is none"),
        pytest.param("posted_on", "0206-05-31", "out_of_range", id="a year that is none of ours"),
        pytest.param("period", "2026-13", "unparsable", id="a month that is none"),
        pytest.param("period", "2026-05-01", "unparsable", id="a day is no month"),
        pytest.param("document", "", "missing_value", id="a key that is blank"),
    ],
)
def test_a_bad_ledger_cell_is_named_and_its_row_left_out(tmp_path: Path, column: str, cell: str, rule: str) -> None:
    rows = [dict(zip(records(LEDGER)[0], row, strict=True)) for row in records(LEDGER)[1:]]
    rows[1][column] = cell
    text = "\n".join(
        ",".join(f'"{c}"' if c else "" for c in row) for row in [list(rows[0]), *(list(r.values()) for r in rows)]
    )
    inputs = sources.read(company(tmp_path, ledger=text))
    assert found(inputs) == [(rule, "ledger", 3, column, cell)]
    assert severities(inputs) == {rule: "quarantined"}
    assert inputs.faults["remedy"].str.len().min() > 20
    assert json.loads(inputs.quarantine["content"][0])["text"] == "wages"
    assert file_counts(inputs, "ledger") == (3, 2, 1)


@pytest.mark.parametrize(
    ("column", "cell", "remedy"),
    [
        ("amount", "x", "Write amount as a plain number, for example 1234.50; the row is left out until then."),
        ("period", "May", "Write period as YYYY-MM, for example 2026-09; the row is left out until then."),
    ],
)
def test_a_remedy_says_how_the_cell_is_written_right(tmp_path: Path, column: str, cell: str, remedy: str) -> None:
    right = {"amount": "400.10", "period": "2026-05,0100,6000"}[column]
    inputs = sources.read(company(tmp_path, ledger=LEDGER.replace(right, right.replace(right.split(",")[0], cell))))
    assert inputs.faults["remedy"].tolist() == [remedy]


def test_a_remedy_of_a_range_names_its_limits_and_a_unit_only_where_it_is_one(tmp_path: Path) -> None:
    services = "service,name,unit\nCalls,Calls,calls\n"
    standards = "site,service,method,aht_s,shrinkage,wage_rate\nN,Calls,erlang_c,-1,1.5,-2\n"
    inputs = demand(tmp_path, ["2026-01-02,N,Calls,-1"], services=services, standards=standards)
    assert inputs.faults["remedy"].tolist() == [
        "volume must be at least 0; the row is left out until then.",
        "aht_s must be at least 0 seconds; the row is left out until then.",
        "shrinkage must be at least 0 and at most 1; the row is left out until then.",
        "wage_rate must be at least 0; the row is left out until then.",
    ]


def test_each_bad_cell_of_a_row_gets_its_own_fault(tmp_path: Path) -> None:
    ledger = LEDGER.replace("2026-05-31,2026-05,0100,6000,400.10", "31.5.2026,2026-05,0100,6000,x")
    inputs = sources.read(company(tmp_path, ledger=ledger))
    assert sorted(inputs.faults["column"]) == ["amount", "posted_on"]
    assert len(inputs.quarantine) == 1


def test_small_tables_are_held_to_choices_ranges_and_blanks(tmp_path: Path) -> None:
    shrinkage = "site,service,category,share\nN,Calls,leave,0.1\nN,Calls,sick,1.2\nN,Calls,,0.1\nN,Calls,idle,a lot\n"
    hours = "site,service,weekday,opens,closes\nN,Calls,Monday,08:00,24:00\n"
    hours += "N,Calls,Mon,08:00,18:00\nN,Calls,Tuesday,8am,18:00\n"
    rates = "currency,period,kind,rate\nUSD,2026-05,average,0.91\nUSD,2026-06,average,-1\n"
    inputs = sources.read(folder(tmp_path, shrinkage=shrinkage, opening_hours=hours, fx_rates=rates))
    assert found(inputs) == [
        ("out_of_range", "fx_rates", 3, "rate", "-1"),
        ("not_a_choice", "opening_hours", 3, "weekday", "Mon"),
        ("unparsable", "opening_hours", 4, "opens", "8am"),
        ("out_of_range", "shrinkage", 3, "share", "1.2"),
        ("missing_value", "shrinkage", 4, "category", ""),
        ("unparsable", "shrinkage", 5, "share", "a lot"),
    ]
    assert inputs.tables["fx_rates"]["rate"].tolist() == [Decimal("0.91")]
    assert inputs.tables["opening_hours"]["closes"].tolist() == ["24:00"]


def test_a_workbooks_end_of_day_is_24_00(tmp_path: Path) -> None:
    head: list[object] = ["site", "service", "weekday", "opens", "closes"]
    clock = [dt.timedelta(hours=hour) for hour in (0, 24, 7.5, 18, 24, 30)]
    rows: list[list[object]] = [
        ["N", "Calls", "Monday", clock[0], clock[1]],
        ["N", "Calls", "Tuesday", clock[2], clock[3]],
        ["N", "Calls", "Friday", clock[2], clock[5]],  # 30:00 is no time of a day
    ]
    write_xlsx(folder(tmp_path) / "workbook.xlsx", {"opening_hours": [head, *rows]})
    inputs = sources.read(tmp_path)
    assert found(inputs) == [("unparsable", "opening_hours", 4, "closes", "1900-01-01 06:00:00")]
    hours_read = inputs.tables["opening_hours"][["opens", "closes"]].values.tolist()
    assert hours_read == [["00:00", "24:00"], ["07:30", "18:00"]]


def test_a_comma_is_a_decimal_mark_in_semicolon_files_only(tmp_path: Path) -> None:
    text = as_semicolons(LEDGER).replace("1000,00", "1.000,00")
    inputs = sources.read(company(tmp_path, ledger=text))
    assert found(inputs) == [("unparsable", "ledger", 2, "amount", "1.000,00")]
    assert inputs.actuals("2026-05")["amount_cents"].tolist() == [400_10]


def test_a_number_of_absurd_size_is_left_out_wherever_it_stands(tmp_path: Path) -> None:
    rates = "currency,period,kind,rate\nUSD,2026-05,average,1e999\nUSD,2026-06,average,1000000000000000\n"
    headcount = "period,site,service,fte,attrition_rate,hires,lead_months,ramp_months\n"
    headcount += "2026-05,N,Calls,2e15,0,0,1,1\n2026-06,N,Calls,2,0,0,9999999999999999,1\n"
    inputs = demand(
        tmp_path, ["2026-01-01,N,Calls,1e15", "2026-01-02,N,Calls,1e300"], fx_rates=rates, headcount=headcount
    )
    assert found(inputs) == [
        ("out_of_range", "demand", 3, "volume", "1e300"),
        ("out_of_range", "fx_rates", 2, "rate", "1e999"),
        ("out_of_range", "headcount", 2, "fte", "2e15"),
        ("out_of_range", "headcount", 3, "lead_months", "9999999999999999"),
    ]
    assert severities(inputs) == {"out_of_range": "quarantined"}
    assert inputs.faults["remedy"].str.contains("must lie within 1,000,000,000,000,000 on either").all()


def test_an_absurd_amount_is_left_out_in_every_form_and_sign(tmp_path: Path) -> None:
    for sign in ("natural", "debit_credit"):
        data = company(tmp_path / sign)
        (data / "ledger.csv").unlink()
        (data / "workbook.toml").write_text(f'[ledger]\nsign = "{sign}"\n', encoding="utf-8")
        duckdb.sql(
            "COPY (SELECT 'D' AS document, row_number() OVER () AS line, DATE '2026-05-31' AS posted_on, "
            "'2026-05' AS period, '0100' AS cost_centre, '4000' AS account, amount FROM (VALUES "
            "(10000000000000.00::DECIMAL(30, 2)), (-92233720368547758.08), (1234567890123456789012345.00)) t(amount)) "
            f"TO '{data}/ledger.parquet' (FORMAT parquet)"
        )
        inputs = sources.read(data)
        assert [(rule, row) for rule, _, row, _, _ in found(inputs)] == [("out_of_range", 3), ("out_of_range", 4)]
        assert "10,000,000,000,000.00" in inputs.faults["remedy"][0]
        assert inputs.actuals("2026-05")["amount_cents"].abs().tolist() == [10**15]


def test_amounts_whose_sum_is_beyond_64_bits_are_an_error_and_no_traceback(tmp_path: Path) -> None:
    head, line = "document,line,posted_on,period,cost_centre,account,amount", "2026-05-31,2026-05,0100,6000,1e13"
    lines = [f"D,{k},{line.replace('1e13', '10000000000000.00')}" for k in range(9_224)]
    inputs = sources.read(company(tmp_path, ledger="\n".join([head, *lines]), control_totals=TOTALS))
    assert [fault[:4] for fault in found(inputs)] == [("out_of_range", "ledger", 0, "amount")]
    assert severities(inputs) == {"out_of_range": "error"}
    assert not inputs.has("ledger")


amounts = st.decimals(min_value=Decimal(-10) ** 13, max_value=Decimal(10) ** 13, places=2)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(amounts, min_size=1, max_size=40), st.sampled_from(["{:f}", "{:+f}", "{:f}0"]))
def test_money_is_read_exactly(tmp_path: Path, values: list[Decimal], shape: str) -> None:
    texts = [shape.format(value) for value in values]
    lines = [f"D,{k},2026-05-31,2026-05,0100,6000,{text}" for k, text in enumerate(texts)]
    ledger = "document,line,posted_on,period,cost_centre,account,amount\n" + "\n".join(lines)
    inputs = sources.read(company(tmp_path, ledger=ledger))
    assert found(inputs) == []
    assert inputs.actuals("2026-05")["amount_cents"].tolist() == [sum(map(to_cents, texts))]


cell_texts = st.sampled_from(["1.00", "2.50", "x", "", "1.005", "-3"])
ledger_rows = st.lists(
    st.tuples(st.sampled_from(["A", "B", "1.2e+10", "12000000000"]), st.sampled_from("123"),
              st.sampled_from(["2026-05", "2026-01", "bad"]),
              st.sampled_from(["0100", "0200", "0900", ""]), st.sampled_from(["4000", "6000", "7000", ""]), cell_texts),
    max_size=30,
)  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ledger_rows)
def test_no_row_is_lost(tmp_path: Path, rows: list[tuple[str, ...]]) -> None:
    lines = [f"{d},{n},2026-05-31,{p},{c},{a},{m}" for d, n, p, c, a, m in rows]
    inputs = sources.read(
        company(tmp_path, ledger="document,line,posted_on,period,cost_centre,account,amount\n" + "\n".join(lines))
    )
    read, accepted, left = file_counts(inputs, "ledger")
    assert read == len(rows) == accepted + left
    assert accepted == inputs.actuals("2026-12")["lines"].sum()
    assert sorted(inputs.quarantine["row"]) == sorted(set(inputs.faults["row"]))
    assert left == len(inputs.quarantine)
    assert inputs.quarantine["row"].is_unique


# -- rows -----------------------------------------------------------------------------------------


def test_a_repeat_names_the_later_row_and_a_contradiction_is_an_error(tmp_path: Path) -> None:
    first = LEDGER.splitlines()[1]
    ledger = (
        LEDGER + first + "\n" + first.replace("1000.00", "1000.01") + "\n" + first.replace("1000.00", "+1000.0") + "\n"
    )
    inputs = sources.read(company(tmp_path, ledger=ledger))
    assert found(inputs) == [
        ("conflicting_key", "ledger", 6, "document,line", "D1,1"),
        ("repeat", "ledger", 5, "document,line", "D1,1"),
        ("repeat", "ledger", 7, "document,line", "D1,1"),
    ]
    assert severities(inputs) == {"repeat": "quarantined", "conflicting_key": "error"}
    assert inputs.actuals("2026-05")["amount_cents"].tolist() == [1000_00, 400_10]


def test_repeats_and_contradictions_are_found_in_small_tables(tmp_path: Path) -> None:
    inputs = sources.read(
        company(tmp_path, accounts=ACCOUNTS + "4000,Sales,revenue,Sales,variable\n6000,Wages,cost,Other,fixed\n")
    )
    assert found(inputs) == [
        ("conflicting_key", "accounts", 5, "account", "6000"),
        ("repeat", "accounts", 4, "account", "4000"),
    ]
    assert inputs.tables["accounts"]["pl_line"].tolist() == ["Sales", "Staff"]


def test_orphans_are_named_by_cell_and_say_when_a_cost_centre_is_not_valid(tmp_path: Path) -> None:
    more = "D3,1,2026-07-31,2026-07,0200,6000,1.00,\nD3,2,2026-07-31,2026-07,0900,9999,1.00,\n"
    inputs = sources.read(company(tmp_path, ledger=LEDGER + more))
    assert found(inputs) == [
        ("orphan", "ledger", 5, "cost_centre", "0200"),
        ("orphan", "ledger", 6, "account", "9999"),
        ("orphan", "ledger", 6, "cost_centre", "0900"),
    ]
    assert "not valid in 2026-07" in inputs.faults["remedy"][0]
    assert set(inputs.faults["severity"]) == {"quarantined"}
    assert len(inputs.quarantine) == 2


def test_a_blank_code_is_a_key_of_its_own_and_no_orphan(tmp_path: Path) -> None:
    more = "D3,1,2026-06-30,2026-06,,6000,1.00,\nD3,2,2026-06-30,2026-06,(none),,2.00,\n"
    accounts = ACCOUNTS + ",Not given,cost,Other,fixed\n"
    inputs = sources.read(company(tmp_path, ledger=LEDGER + more, accounts=accounts))
    assert found(inputs) == []
    june = inputs.actuals("2026-06").query("period == '2026-06'")
    assert june[["cost_centre", "account"]].values.tolist() == [
        ["(none)", "(unassigned)"],
        ["(unassigned)", "6000"],
        ["0200", "6000"],
    ]
    assert inputs.entities() == ["North", "South", "(all)"]


def test_no_site_may_bear_the_name_of_the_whole(tmp_path: Path) -> None:
    inputs = sources.read(
        company(
            tmp_path,
            sites="site,name\nNorth,N\n(all),All\n(unassigned),None\n",
            cost_centres=COST_CENTRES.replace("South", "(all)"),
            demand="ds,site,service,volume\n2026-05-01,North,Calls,1\n2026-05-02,(all),Calls,1\n",
        )
    )
    assert found(inputs) == [
        ("reserved_name", "cost_centres", 3, "site", "(all)"),
        ("reserved_name", "demand", 3, "site", "(all)"),
        ("reserved_name", "sites", 3, "site", "(all)"),
        ("reserved_name", "sites", 4, "site", "(unassigned)"),
    ]
    assert severities(inputs) == {"reserved_name": "error"}


def test_a_written_unassigned_means_what_a_blank_site_means(tmp_path: Path) -> None:
    rows = "ds,site,service,volume\n2026-05-01,North,Calls,1\n2026-05-02,(unassigned),Calls,2\n2026-05-03,,Calls,4\n"
    inputs = sources.read(company(tmp_path, cost_centres=COST_CENTRES.replace("South", "(unassigned)"), demand=rows))
    assert found(inputs) == []
    assert inputs.entities() == ["North", "(all)"]
    assert inputs.volumes("2026-05", "(unassigned)")["y"].tolist() == [2, 4]


def test_a_misspelt_entity_is_an_orphan_wherever_any_site_is_known(tmp_path: Path) -> None:
    actions = "id,entity,kind,text,owner,due_on,state\n1,Nroth,action,Hire,A,2026-12-31,open\n"
    actions += "2,(all),action,Hire,A,2026-12-31,open\n3,(unassigned),action,Hire,A,2026-12-31,open\n"
    comments = "period,entity,measure,dimension,item,author,written_on,text\n"
    comments += "2026-05,north,variance,pl_line,Sales,A,2026-06-01,Less\n"
    inputs = sources.read(company(tmp_path / "sites", actions=actions, commentary=comments))
    assert found(inputs) == [
        ("orphan", "actions", 2, "entity", "Nroth"),
        ("orphan", "commentary", 2, "entity", "north"),
    ]
    assert severities(inputs) == {"orphan": "quarantined"}
    assert "the nearest is 'North'" in inputs.faults["remedy"][0]
    assert inputs.tables["actions"]["id"].tolist() == ["2", "3"]
    assert found(sources.read(folder(tmp_path / "no site", actions=actions))) == []


def test_a_blank_account_without_a_row_in_accounts_has_no_type(tmp_path: Path) -> None:
    inputs = sources.read(company(tmp_path, ledger=LEDGER + "D3,1,2026-06-30,2026-06,0100,,1.00,\n"))
    assert found(inputs) == [("orphan", "ledger", 5, "account", "")]
    assert "type" in inputs.faults["remedy"][0]


@pytest.mark.parametrize(
    ("period", "accepted"),
    [("2026-07", False), ("2026-06", True), ("2026-05", True), ("2026-04", True), ("2026-03", False)],
)
def test_a_posting_may_belong_to_its_month_or_the_two_before(tmp_path: Path, period: str, accepted: bool) -> None:
    inputs = sources.read(company(tmp_path, ledger=LEDGER + f"D3,1,2026-06-15,{period},0100,6000,1.00,\n"))
    assert found(inputs) == ([] if accepted else [("wrong_period", "ledger", 5, "period", period)])


# -- conditions between cells and rows -------------------------------------------------------------

SALES = "period,site,product,budget_units,budget_price,actual_units,actual_price\n"
POOLS = "period,pool,product,pool_cost,driver,driver_quantity"


def test_a_budgeted_price_may_be_blank_only_where_no_unit_is_budgeted(tmp_path: Path) -> None:
    sales = SALES + "2026-05,North,New,0,,5,9.50\n2026-05,North,Old,0.5,,5,9.50\n"
    inputs = sources.read(company(tmp_path, sales=sales))
    assert found(inputs) == [("missing_value", "sales", 3, "budget_price", "")]
    assert inputs.tables["sales"]["product"].tolist() == ["New"]
    assert inputs.tables["sales"]["budget_price"].isna().tolist() == [True]


@pytest.mark.parametrize(
    ("second", "column", "value"),
    [
        pytest.param("90.00,setups", "pool_cost", "90.00", id="two costs"),
        pytest.param("100.00,parts", "driver", "parts", id="two drivers"),
    ],
)
def test_a_pool_has_one_cost_and_one_driver_in_a_period(tmp_path: Path, second: str, column: str, value: str) -> None:
    pools = f"{POOLS}\n2026-05,Setups,A,100.00,setups,4\n2026-05,Setups,B,{second},6\n2026-06,Setups,B,90.00,setups,6\n"
    inputs = sources.read(company(tmp_path, activities=pools))
    assert found(inputs) == [("conflicting_key", "activities", 3, column, value)]
    assert severities(inputs) == {"conflicting_key": "error"}
    assert f"has another {column} in row 2" in inputs.faults["remedy"].iloc[0]
    assert inputs.tables["activities"]["period"].tolist() == ["2026-05", "2026-06"]


def test_a_pool_may_use_its_whole_capacity_however_its_parts_are_written(tmp_path: Path) -> None:
    pools = f"{POOLS},capacity\n2026-05,Setups,A,1.00,setups,0.1,0.3\n2026-05,Setups,B,1.00,setups,0.2,0.3\n"
    assert sources.read(company(tmp_path, activities=pools)).faults.empty


def test_a_pool_that_used_more_than_its_capacity_is_left_out_and_said_once(tmp_path: Path) -> None:
    pools = (
        f"{POOLS},capacity\n2026-05,Setups,A,100.00,setups,4,9\n2026-05,Setups,B,100.00,setups,6,9\n"
        "2026-06,Setups,A,100.00,setups,4,9\n2026-06,Setups,B,100.00,setups,5,9\n2026-06,Parts,B,1.00,parts,5,\n"
    )
    inputs = sources.read(company(tmp_path, activities=pools))
    assert found(inputs) == [("out_of_range", "activities", 2, "capacity", "9")]
    assert "'Setups' in 2026-05 used 10 of its driver, more than its capacity" in inputs.faults["remedy"].iloc[0]
    assert inputs.tables["activities"]["pool"].tolist() == ["Setups", "Setups", "Parts"]


@pytest.mark.parametrize(
    ("tables", "column", "value"),
    [
        ({"activities": f"{POOLS}\n2026-05,Setups,(unallocated),100.00,setups,4\n"}, "product", "(unallocated)"),
        ({"accounts": ACCOUNTS.replace(",Staff,", ",(others),")}, "pl_line", "(others)"),
        ({"cost_centres": COST_CENTRES.replace("Support", "(missing months)")}, "department", "(missing months)"),
    ],
)
def test_a_name_that_the_reports_give_a_row_of_their_own_is_reserved(
    tmp_path: Path, tables: dict[str, str], column: str, value: str
) -> None:
    inputs = sources.read(company(tmp_path, **tables))
    assert [(rule, name, cell) for rule, _, _, name, cell in found(inputs)] == [("reserved_name", column, value)]
    assert severities(inputs) == {"reserved_name": "error"}


# -- what is said of it all -----------------------------------------------------------------------


def test_notes_alone_leave_every_row_accepted(tmp_path: Path) -> None:
    rates = RATES.replace("GBP,2026-05,budget,1.15\n", "").replace("USD,2026-06,budget,0.40\n", "")
    inputs = sources.read(company(tmp_path, ledger=CURRENCY_LEDGER, fx_rates=rates))
    assert faults_sentence(inputs) == "Every row was accepted; 2 notes."
    assert reliance_sentence(inputs) == ""
    said = CliRunner().invoke(app, ["check", "--data", str(tmp_path)])
    assert "0 errors, 0 rows in quarantine, 2 notes, 4 files read." in said.stdout


def test_what_the_figures_are_without_is_one_line(tmp_path: Path) -> None:
    rates = RATES.replace("GBP,2026-05,average,1.16425\n", "").replace("USD,2026-06,budget,0.40\n", "")
    inputs = sources.read(company(tmp_path, ledger=CURRENCY_LEDGER, fx_rates=rates, control_totals=TOTALS))
    assert reliance_sentence(inputs) == (
        "2 ledger rows are in quarantine and 2 control totals are not known: the figures are without them."
    )
    assert "2 rows quarantined and 1 note" in faults_sentence(inputs)
    assert reliance_sentence(sources.read(company(tmp_path / "clean"))) == ""


# -- currency -------------------------------------------------------------------------------------

CURRENCY_LEDGER = (
    "document,line,posted_on,period,cost_centre,account,amount,currency\n"
    "D1,1,2026-05-31,2026-05,0100,4000,1000.00,EUR\n"
    "D1,2,2026-05-31,2026-05,0100,6000,400.10,\n"
    "D2,1,2026-05-31,2026-05,0100,6000,100.00,GBP\n"
    "D2,2,2026-05-31,2026-05,0100,4000,-100.00,GBP\n"
    "D2,3,2026-06-30,2026-06,0100,6000,0.03,USD\n"
)
RATES = (
    "currency,period,kind,rate\n"
    "GBP,2026-05,average,1.16425\nGBP,2026-05,budget,1.15\nGBP,2026-05,closing,9.99\n"
    "USD,2026-06,average,0.50\nUSD,2026-06,budget,0.40\nUSD,2026-05,average,0.75\n"
)


def test_a_line_in_another_currency_counts_at_the_average_rate_rounded_once_half_to_even(tmp_path: Path) -> None:
    """100.00 GBP: 116.425 at the average rate is 116.42, at the budget rate 115.00; 0.03 USD: 0.015 and 0.012."""
    inputs = sources.read(company(tmp_path, ledger=CURRENCY_LEDGER, fx_rates=RATES))
    assert found(inputs) == []
    actuals = inputs.actuals("2026-06")
    assert actuals[["period", "account", "amount_cents", "currency_cents", "lines"]].values.tolist() == [
        ["2026-05", "4000", 1000_00 - 116_42, -1_42, 2],
        ["2026-05", "6000", 400_10 + 116_42, 1_42, 2],
        ["2026-06", "6000", 2, 1, 1],
    ]
    lines = pd.read_parquet(inputs.ledger).sort_values(["document", "line"])
    assert lines["currency"].fillna("").tolist() == ["EUR", "", "GBP", "GBP", "USD"]
    assert lines["currency_cents"].tolist() == [0, 0, 1_42, -1_42, 1]
    assert str(lines["currency_cents"].dtype) == "int64"


def test_a_one_off_line_in_another_currency_is_one_off_in_whole_and_not_currency_too(tmp_path: Path) -> None:
    """100.00 GBP one-off: all 116.42 is one-off; the other 100.00 GBP has 1.42 due to rates."""
    ledger = (
        "document,line,posted_on,period,cost_centre,account,amount,currency,one_off\n"
        "D1,1,2026-05-31,2026-05,0100,6000,100.00,GBP,true\nD1,2,2026-05-31,2026-05,0100,6000,100.00,GBP,\n"
        "D1,3,2026-05-31,2026-05,0100,4000,100.00,GBP,true\n"
    )
    actuals = sources.read(company(tmp_path, ledger=ledger, fx_rates=RATES)).actuals("2026-06")
    sums = actuals[["account", "amount_cents", "one_off_cents", "currency_cents"]]
    assert sums.values.tolist() == [["4000", 116_42, 116_42, 0], ["6000", 2 * 116_42, 116_42, 1_42]]


def test_a_currency_without_a_rate_for_a_month_names_what_to_add_and_nothing_is_lost(tmp_path: Path) -> None:
    rates = RATES.replace("GBP,2026-05,average,1.16425\n", "")
    inputs = sources.read(company(tmp_path, ledger=CURRENCY_LEDGER, fx_rates=rates, control_totals=TOTALS))
    assert [fault[:5] for fault in found(inputs) if fault[0] == "foreign_currency"] == [
        ("foreign_currency", "ledger", 4, "currency", "GBP"),
        ("foreign_currency", "ledger", 5, "currency", "GBP"),
    ]
    remedy = inputs.faults.set_index("rule").loc["foreign_currency", "remedy"].iloc[0]
    assert "Row 4 of ledger.csv is in GBP" in remedy
    assert "add a row to fx_rates: GBP, 2026-05, average" in remedy
    assert severities(inputs)["foreign_currency"] == "quarantined"
    assert file_counts(inputs, "ledger") == (5, 3, 2)
    unknown = inputs.control[~inputs.control["known"]]
    assert unknown[["period", "type"]].values.tolist() == [["2026-05", "cost"], ["2026-05", "revenue"]]


def test_a_ledger_in_two_currencies_without_rates_is_left_out_line_by_line(tmp_path: Path) -> None:
    inputs = sources.read(company(tmp_path, ledger=CURRENCY_LEDGER))
    assert [(rule, row, value) for rule, _, row, _, value in found(inputs)] == [
        ("foreign_currency", 4, "GBP"),
        ("foreign_currency", 5, "GBP"),
        ("foreign_currency", 6, "USD"),
    ]
    assert "there is no table fx_rates: add a row to fx_rates: USD, 2026-06, average" in inputs.faults["remedy"][2]
    assert json.loads(inputs.quarantine["content"][0])["amount"] == "100.00"
    assert inputs.actuals("2026-06")["amount_cents"].tolist() == [1000_00, 400_10]


def test_without_a_budget_rate_the_amount_counts_and_a_note_says_that_its_effect_is_not_known(tmp_path: Path) -> None:
    rates = RATES.replace("GBP,2026-05,budget,1.15\n", "")
    inputs = sources.read(company(tmp_path, ledger=CURRENCY_LEDGER, fx_rates=rates))
    assert found(inputs) == [("no_budget_rate", "ledger", 4, "currency", "GBP")]
    assert severities(inputs) == {"no_budget_rate": "note"}
    assert "Add a row to fx_rates: GBP, 2026-05, budget." in inputs.faults["remedy"][0]
    assert inputs.quarantine.empty
    assert inputs.actuals("2026-05")["amount_cents"].tolist() == [1000_00 - 116_42, 400_10 + 116_42]
    assert inputs.actuals("2026-05")["currency_cents"].tolist() == [0, 0]


def test_control_totals_count_converted_lines_in_the_organisations_currency(tmp_path: Path) -> None:
    totals = "period,site,type,amount,lines\n2026-05,North,revenue,883.58,2\n"
    orphan = "D3,1,2026-05-31,2026-05,0999,6000,10.00,GBP\n"  # 11.64 at the average rate, which the source counts
    totals += "2026-05,,cost,528.16,3\n"
    inputs = sources.read(company(tmp_path, ledger=CURRENCY_LEDGER + orphan, fx_rates=RATES, control_totals=totals))
    assert inputs.faults["rule"].tolist() == ["orphan"]
    assert inputs.control["agrees"].all()
    assert inputs.control["quarantined_cents"].max() == 11_64


def test_an_orphan_without_a_rate_makes_its_total_unknown(tmp_path: Path) -> None:
    orphan = "D3,1,2026-05-31,2026-05,0999,6000,10.00,CHF\n"
    totals = "period,site,type,amount\n2026-05,,cost,999.99\n2026-05,,revenue,883.58\n"
    inputs = sources.read(company(tmp_path, ledger=CURRENCY_LEDGER + orphan, fx_rates=RATES, control_totals=totals))
    assert [fault[:4] for fault in found(inputs)] == [
        ("orphan", "ledger", 7, "cost_centre"),
        ("foreign_currency", "ledger", 7, "currency"),
    ]
    assert inputs.quarantine["rule"].tolist() == ["orphan"]
    assert inputs.control[["type", "known"]].values.tolist() == [["cost", False], ["revenue", True]]


def test_a_debit_credit_ledger_is_converted_in_its_natural_sign(tmp_path: Path) -> None:
    data = company(tmp_path, ledger=CURRENCY_LEDGER, fx_rates=RATES)
    (data / "workbook.toml").write_text('[ledger]\nsign = "debit_credit"\n', encoding="utf-8")
    actuals = sources.read(data).actuals("2026-05")
    assert actuals["amount_cents"].tolist() == [116_42 - 1000_00, 400_10 + 116_42]
    assert actuals["currency_cents"].tolist() == [1_42, 1_42]
    large = "D9,1,2026-06-30,2026-06,0100,4000,-9000000000000.00,USD\n"  # at 0.50, of an account of revenue
    (data / "ledger.csv").write_text(CURRENCY_LEDGER + large, encoding="utf-8")
    june = sources.read(data).actuals("2026-06").query("period == '2026-06'")
    assert june["amount_cents"].tolist() == [4_500_000_000_000_00, 2]


def test_rates_that_nothing_can_be_converted_at_are_left_out(tmp_path: Path) -> None:
    rates = "currency,period,kind,rate\nGBP,2026-05,average,0\nUSD,2026-06,average,0.1234567890123456789012345\n"
    inputs = sources.read(company(tmp_path, ledger=CURRENCY_LEDGER, fx_rates=rates))
    assert [fault for fault in found(inputs) if fault[1] == "fx_rates"] == [
        ("out_of_range", "fx_rates", 2, "rate", "0"),
        ("out_of_range", "fx_rates", 3, "rate", "0.1234567890123456789012345"),
    ]
    assert inputs.tables["fx_rates"].empty
    assert len(inputs.quarantine) == 5
    remedies = inputs.faults.set_index(["table", "row"])["remedy"]
    assert remedies["fx_rates", 2].startswith("A rate must be above 0")
    assert remedies["ledger", 4].endswith("is in GBP, not EUR, and has no usable rate for 2026-05: see fx_rates row 2.")
    assert remedies["ledger", 6].endswith("see fx_rates row 3.")


def test_a_rate_below_zero_must_be_above_zero(tmp_path: Path) -> None:
    rates = RATES.replace("GBP,2026-05,budget,1.15", "GBP,2026-05,budget,-1")
    inputs = sources.read(company(tmp_path, ledger=CURRENCY_LEDGER, fx_rates=rates))
    assert [fault[:3] for fault in found(inputs)] == [
        ("no_budget_rate", "ledger", 4),
        ("out_of_range", "fx_rates", 3),
    ]
    note, rate = inputs.faults["remedy"]
    assert rate.startswith("rate must be above 0;")
    assert note.startswith("GBP has no usable budget rate for 2026-05:")
    assert note.endswith("See fx_rates row 3.")


def test_an_amount_that_is_absurd_at_its_budget_rate_only_says_so(tmp_path: Path) -> None:
    rates = RATES.replace("GBP,2026-05,budget,1.15", "GBP,2026-05,budget,1150000000000")
    inputs = sources.read(company(tmp_path, ledger=CURRENCY_LEDGER, fx_rates=rates))
    assert found(inputs) == [("no_budget_rate", "ledger", 4, "currency", "GBP")]
    said = inputs.faults["remedy"][0]
    assert said.startswith("At the budget rate of GBP for 2026-05 an amount is beyond 1,000,000,000,000,000 minor")
    assert "Add a row" not in said
    assert inputs.actuals("2026-05")["currency_cents"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("written", "meant"),
    [pytest.param("eur", "EUR", id="the organisation's own"), pytest.param("gbp", "GBP", id="one with a rate")],
)
def test_a_currency_that_differs_in_case_only_names_the_code_that_is_meant(
    tmp_path: Path, written: str, meant: str
) -> None:
    ledger = CURRENCY_LEDGER + f"D4,1,2026-05-31,2026-05,0100,6000,1.00,{written}\n"
    inputs = sources.read(company(tmp_path, ledger=ledger, fx_rates=RATES))
    assert found(inputs) == [("foreign_currency", "ledger", 7, "currency", written)]
    assert f"differs from {meant} only in case: write {meant} at the source" in inputs.faults["remedy"][0]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_amount_in_another_currency_has_its_own_decimals_and_is_rounded_once(tmp_path: Path, form: str) -> None:
    """At 150.5 JPY: 10.50 USD are 1580.25, 0.0299 USD are 4.49995 JPY; a yen has no decimals, a dollar up to 4 here.

    At the budget rate of 100: 1050 and 2.99 JPY.
    """
    head = "document,line,posted_on,period,cost_centre,account,amount,currency\n"
    lines = "10.50,USD", "0.0299,USD", "-7,JPY", "0.5,JPY", "1.00001,USD", "100000000000000,USD"
    ledger = head + "".join(f"D,{k},2026-05-31,2026-05,0100,6000,{line}\n" for k, line in enumerate(lines, start=1))
    rates = "currency,period,kind,rate\nUSD,2026-05,average,150.5\nUSD,2026-05,budget,100\n"
    data = company(tmp_path, ledger=ledger, fx_rates=rates)
    (data / "workbook.toml").write_text('[organisation]\ncurrency = "JPY"\nminor_digits = 0\n', encoding="utf-8")
    if form == "parquet":
        (data / "ledger.csv").unlink()
        (tmp_path / "x").write_text(ledger)
        reader = f"read_csv('{tmp_path / 'x'}', all_varchar=true, header=true)"
        duckdb.sql(f"COPY (SELECT * FROM {reader}) TO '{data / 'ledger.parquet'}' (FORMAT parquet)")
        (tmp_path / "x").unlink()
    inputs = sources.read(data)
    assert found(inputs) == [
        ("too_many_decimals", "ledger", 5, "amount", "0.5"),
        ("too_many_decimals", "ledger", 6, "amount", "1.00001"),
        ("out_of_range", "ledger", 7, "amount", "100000000000000"),
    ]
    own, other, large = inputs.faults["remedy"]
    assert own.startswith("The currency has 0 decimals")
    assert other.startswith("An amount in another currency may have at most 4 decimals")
    assert large.startswith("amount must lie within 10,000,000,000,000.0000 on either side of zero")
    kept = pd.read_parquet(inputs.ledger).sort_values("line")
    assert kept["amount_cents"].tolist() == [1580, 4, -7]
    assert kept["currency_cents"].tolist() == [1580 - 1050, 4 - 3, 0]


def test_a_long_amount_at_a_long_rate_is_exact(tmp_path: Path) -> None:
    head = "document,line,posted_on,period,cost_centre,account,amount,currency\n"
    amount, rate = Decimal("9876543210987.6543"), Decimal("0.0000361234567890123457")
    ledger = f"{head}D,1,2026-05-31,2026-05,0100,6000,-{amount},VND\n"
    rates = f"currency,period,kind,rate\nVND,2026-05,average,{rate}\nVND,2026-05,budget,{rate}\n"
    inputs = sources.read(company(tmp_path, ledger=ledger, fx_rates=rates))
    assert found(inputs) == []
    assert inputs.actuals("2026-05")["amount_cents"].tolist() == [round(-Fraction(amount) * Fraction(rate) * 100)]


def test_an_amount_that_is_absurd_at_its_rate_is_left_out(tmp_path: Path) -> None:
    line = "D9,1,2026-05-31,2026-05,0100,6000,9000000000000.00,GBP\n"
    inputs = sources.read(company(tmp_path, ledger=CURRENCY_LEDGER + line, fx_rates=RATES))
    assert found(inputs) == [("foreign_currency", "ledger", 7, "currency", "GBP")]
    assert "beyond 1,000,000,000,000,000 minor units" in inputs.faults["remedy"][0]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=30),
    st.decimals(min_value=Decimal("0.00001"), max_value=Decimal("99"), places=5),
    st.decimals(min_value=Decimal("0.5"), max_value=Decimal("2"), places=1),
)
def test_conversion_is_exact_for_any_amount_and_rate(
    tmp_path: Path, cents: list[int], average: Decimal, budget: Decimal
) -> None:
    def at(rate: Decimal) -> list[int]:
        return [round(Fraction(amount) * Fraction(rate)) for amount in cents]  # a Fraction rounds half to even

    head = CURRENCY_LEDGER.splitlines()[0]
    rows = [f"D,{k},2026-05-31,2026-05,0100,6000,{Decimal(c).scaleb(-2)},GBP" for k, c in enumerate(cents)]
    rates = f"currency,period,kind,rate\nGBP,2026-05,average,{average}\nGBP,2026-05,budget,{budget}\n"
    inputs = sources.read(company(tmp_path, ledger="\n".join([head, *rows]), fx_rates=rates))
    assert found(inputs) == []
    lines = pd.read_parquet(inputs.ledger).sort_values("line", key=lambda column: column.astype(int))
    assert lines["amount_cents"].tolist() == at(average)
    assert lines["currency_cents"].tolist() == [a - b for a, b in zip(at(average), at(budget), strict=True)]


BUDGET = "version,period,cost_centre,account,amount\n"


def test_a_budget_by_year_belongs_to_every_site_of_its_months(tmp_path: Path) -> None:
    """Half the plan of 2026 stands at the site that the cost centre left in June."""
    centres = COST_CENTRES.splitlines()[0] + "\n0300,2025-01-01,Van,Transport,West,2026-06-30\n"
    centres += "0300,2026-07-01,Van,Transport,East,\n"
    budget = BUDGET + "original,2026,0300,6000,1200.00\n"
    inputs = sources.read(folder(tmp_path, accounts=ACCOUNTS, cost_centres=centres, budget=budget))
    assert found(inputs) == []
    assert inputs.places() == {("0300", f"2026-{month:02d}") for month in range(1, 13)}
    assert inputs.entities() == ["East", "West", "(all)"]


def test_a_gap_in_the_validity_leaves_a_budget_where_its_cost_centre_was(tmp_path: Path) -> None:
    centres = COST_CENTRES.splitlines()[0] + "\n0300,2024-01-01,Van,Transport,West,2025-03-31\n"
    centres += "0300,2026-06-01,Van,Transport,East,\n"
    budget = BUDGET + "original,2026,0300,6000,1200.00\n"
    inputs = sources.read(folder(tmp_path, accounts=ACCOUNTS, cost_centres=centres, budget=budget))
    assert inputs.entities() == ["East", "West", "(all)"]


def test_a_budget_version_that_the_budget_does_not_hold_is_an_error(tmp_path: Path) -> None:
    budget = BUDGET + "original,2026-05,0100,6000,400.00\namended,2026-05,0100,6000,410.00\n"
    data = company(tmp_path, budget=budget)
    (data / "workbook.toml").write_text('[budget]\nversion = "amnded"\n', encoding="utf-8")
    inputs = sources.read(data)
    assert found(inputs) == [("unknown_version", "budget", 0, "version", "amnded")]
    assert severities(inputs) == {"unknown_version": "error"}
    assert "it has amended, original, and the nearest is 'amended'" in inputs.faults["remedy"][0]
    (data / "workbook.toml").write_text('[budget]\nversion = "2027"\n', encoding="utf-8")
    remedy = sources.read(data).faults["remedy"][0]
    assert "it has amended, original. Name the one in force" in remedy  # none is near
    (data / "budget.csv").unlink()
    assert found(sources.read(data)) == []


def test_overlapping_validity_is_an_error_at_the_later_row(tmp_path: Path) -> None:
    inputs = sources.read(company(tmp_path, cost_centres=COST_CENTRES + "0200,2026-06-30,Office,Support,North,\n"))
    assert found(inputs) == [("overlapping_validity", "cost_centres", 4, "valid_from", "2026-06-30")]
    assert severities(inputs) == {"overlapping_validity": "error"}
    assert inputs.faults["remedy"].tolist() == [
        "'0200' is also valid by row 3: end the one the day before the other begins."
    ]


@pytest.mark.parametrize(
    ("text", "code", "same"),
    [
        ("2.3576e+10", "23576000000", True),
        ("2.3576E+10", "23576000000", True),
        ("2.36E+10", "23576000000", True),
        ("2.3577E+10", "23576000000", False),
        ("2.3576e+10", "2357600000", False),
        ("4000.0", "4000", True),
        ("1.10", "1.1", False),
        ("2.3576e+10-T", "23576000000-T", True),
        ("2.3576e+10-T", "23576000000-C", False),
        ("12E3", "12000", False),
    ],
)
def test_a_mangled_spelling_is_what_a_spreadsheet_makes_of_a_code(text: str, code: str, same: bool) -> None:
    assert is_mangled_spelling(text, code) is same


def test_a_mangled_code_is_left_out_whether_its_row_stands_there_intact_or_not(tmp_path: Path) -> None:
    centres = COST_CENTRES + "23576000000,2025-01-01,Plant,Operations,North,\n"
    more = (
        "D3,1,2026-06-30,2026-06,23576000000,6000,1.00,\n"
        "D3,1,2026-06-30,2026-06,2.3576e+10,6000,1.00,\n"  # the row above once more
        "D4,1,2026-06-30,2026-06,2.36E+10,6000,2.00,\n"
    )
    inputs = sources.read(company(tmp_path, ledger=LEDGER + more, cost_centres=centres))
    assert found(inputs) == [
        ("mangled_code", "ledger", 6, "cost_centre", "2.3576e+10"),
        ("mangled_code", "ledger", 7, "cost_centre", "2.36E+10"),
    ]
    assert set(inputs.faults["severity"]) == {"quarantined"}
    assert "row 5" in inputs.faults["remedy"][0]


# -- control totals -------------------------------------------------------------------------------

TOTALS = """period,site,type,amount,lines
2026-05,North,revenue,1000.00,1
2026-05,North,cost,400.10,1
2026-06,South,cost,-0.05,1
2026-06,,,-0.05,
"""


def test_control_totals_agree_to_the_cent(tmp_path: Path) -> None:
    inputs = sources.read(company(tmp_path, control_totals=TOTALS))
    assert found(inputs) == []
    assert inputs.control["agrees"].all()
    assert inputs.control[["site", "type"]].values.tolist() == [
        ["North", "cost"],
        ["North", "revenue"],
        ["(all)", "(all)"],
        ["South", "cost"],
    ]


def test_a_missed_total_names_period_site_type_and_the_difference(tmp_path: Path) -> None:
    inputs = sources.read(company(tmp_path, ledger=LEDGER.replace("400.10", "400.09"), control_totals=TOTALS))
    assert found(inputs) == [("control_total", "control_totals", 3, "amount", "400.10")]
    assert severities(inputs) == {"control_total": "error"}
    for word in ("2026-05", "North", "cost", "0.01"):
        assert word in inputs.faults["remedy"][0]


def test_a_total_that_counts_other_lines_is_missed(tmp_path: Path) -> None:
    inputs = sources.read(company(tmp_path, control_totals=TOTALS.replace("1000.00,1", "1000.00,2")))
    assert found(inputs) == [("control_total", "control_totals", 2, "lines", "2")]


def test_repeats_are_counted_out_of_the_total_and_orphans_and_wrong_periods_in(tmp_path: Path) -> None:
    more = (
        "D1,2,2026-05-31,2026-05,0100,6000,400.10,wages\n"  # a repeat
        "D5,1,2026-05-31,2026-05,0999,6000,7.00,\n"  # an unknown cost centre: its site is not known
        "D6,1,2026-05-31,2026-05,0100,4999,9.00,\n"  # an unknown account: its type is not known
        "D7,1,2026-05-31,2026-01,0100,6000,11.00,\n"  # a wrong period, which the source counts in May
    )
    totals = TOTALS.replace("1000.00,1", "1009.00,2").replace("400.10,1", "418.10,3")
    inputs = sources.read(company(tmp_path, ledger=LEDGER + more, control_totals=totals))
    assert Counter(inputs.faults["rule"]) == {"repeat": 1, "orphan": 2, "wrong_period": 1}
    assert inputs.control["agrees"].all()
    assert inputs.control["quarantined_cents"].tolist() == [18_00, 9_00, 0, 0]


def test_a_wrong_period_counted_where_it_says_agrees_as_well(tmp_path: Path) -> None:
    more = "D7,1,2026-05-31,2026-01,0100,6000,11.00,\n"
    inputs = sources.read(
        company(tmp_path, ledger=LEDGER + more, control_totals=TOTALS + "2026-01,North,cost,11.00,1\n")
    )
    assert inputs.faults["rule"].tolist() == ["wrong_period"]
    assert inputs.control["agrees"].all()


DEBIT_CREDIT_LEDGER = (
    "document,line,posted_on,period,cost_centre,account,amount\n"
    "D1,1,2026-05-31,2026-05,0100,4000,-250.00\n"
    "D1,2,2026-05-31,2026-05,0100,6000,100.00\n"
    "D1,3,2026-05-31,2026-05,0100,4999,-40.00\n"  # an unknown account, which the source counts as revenue
    "D1,4,2026-05-31,2026-05,0100,6999,7.00\n"  # and one that it counts as cost
)


def test_of_a_ledger_in_debit_and_credit_totals_of_all_types_are_in_the_ledgers_sign(tmp_path: Path) -> None:
    totals = "period,site,type,amount,lines\n2026-05,North,revenue,290.00,2\n2026-05,North,cost,107.00,2\n"
    totals += "2026-05,North,,-183.00,4\n2026-05,,,-183.00,4\n"
    data = company(tmp_path, ledger=DEBIT_CREDIT_LEDGER, control_totals=totals)
    (data / "workbook.toml").write_text('[ledger]\nsign = "debit_credit"\n', encoding="utf-8")
    inputs = sources.read(data)
    assert inputs.faults["rule"].tolist() == ["orphan", "orphan"]
    assert inputs.control["agrees"].all()
    frame = inputs.control.set_index(["site", "type"])[["accepted_cents", "quarantined_cents"]]
    assert frame.loc[("North", "revenue")].tolist() == [250_00, 40_00]
    assert frame.loc[("North", "cost")].tolist() == [100_00, 7_00]
    assert frame.loc[("(all)", "(all)")].tolist() == [-150_00, -33_00]


def test_a_missed_total_of_all_types_is_missed_in_debit_and_credit_too(tmp_path: Path) -> None:
    data = company(tmp_path, ledger=DEBIT_CREDIT_LEDGER, control_totals="period,amount\n2026-05,397.00\n")
    (data / "workbook.toml").write_text('[ledger]\nsign = "debit_credit"\n', encoding="utf-8")
    inputs = sources.read(data)
    assert "control_total" in set(inputs.faults["rule"])
    assert inputs.control["difference_cents"].tolist() == [580_00]


def test_an_unreadable_amount_makes_its_total_unknown_not_missed(tmp_path: Path) -> None:
    inputs = sources.read(company(tmp_path, ledger=LEDGER.replace("400.10", "about 400"), control_totals=TOTALS))
    assert inputs.faults["rule"].tolist() == ["unparsable"]
    unknown = inputs.control.query("not known")
    assert unknown[["period", "site", "type", "agrees"]].values.tolist() == [["2026-05", "North", "cost", False]]


# -- demand ---------------------------------------------------------------------------------------


def demand(path: Path, rows: list[str], zone: str = "Europe/Dublin", **tables: str) -> sources.Inputs:
    data = folder(path, demand="ds,site,service,volume\n" + "\n".join(rows) + "\n", **tables)
    (data / "workbook.toml").write_text(f'[organisation]\ntime_zone = "{zone}"\n', encoding="utf-8")
    return sources.read(data)


def hours(first: str, count: int, minutes: int = 60) -> list[str]:
    start = dt.datetime.fromisoformat(first)
    return [(start + dt.timedelta(minutes=minutes * k)).isoformat(timespec="minutes") for k in range(count)]


@pytest.mark.parametrize(
    ("stamps", "freq"),
    [
        (["2026-01", "2026-02", "2026-04"], "MS"),
        (["2026-01-01", "2026-02-01", "2026-03-01"], "MS"),
        (["2026-01-01", "2026-01-02", "2026-01-05"], "D"),
        (["2026-01-05", "2026-01-12", "2026-01-19"], "W-MON"),
        (hours("2026-01-05T00:00", 30), "h"),
        (hours("2026-01-05T07:00", 20, 30), "30min"),
        (hours("2026-01-05T07:00", 50, 15), "15min"),
        (hours("2026-01-05T07:00", 50, 5), "5min"),
    ],
)
def test_the_frequency_of_each_series_is_found(tmp_path: Path, stamps: list[str], freq: str) -> None:
    inputs = demand(
        tmp_path, [f"{stamp},N,Calls,1" for stamp in stamps], services="service,name,unit\nCalls,Calls,calls\n"
    )
    volumes = inputs.volumes("2026-12")
    assert found(inputs) == []
    assert set(volumes["freq"]) == {freq}
    assert set(volumes["unit"]) == {"calls"}
    assert str(volumes["ds"].dtype) == "datetime64[us]"
    assert len(volumes) == len(stamps)


def test_mixed_frequencies_within_a_series_are_an_error(tmp_path: Path) -> None:
    rows = [f"{stamp},N,Calls,1" for stamp in ["2026-01-01", "2026-01-02", "2026-01-03", "2026-02"]]
    inputs = demand(tmp_path / "a", rows)
    assert found(inputs) == [("mixed_frequency", "demand", 5, "ds", "2026-02-01T00:00")]
    assert severities(inputs) == {"mixed_frequency": "error"}
    halves = hours("2026-01-05T00:00", 96, 30) + hours("2026-02-02T00:00", 24)
    inputs = demand(tmp_path / "b", [f"{stamp},N,Calls,1" for stamp in halves])
    assert found(inputs) == [("mixed_frequency", "demand", 98, "ds", "2026-02-02T00:00")]


def test_an_hour_that_did_not_exist_is_dropped_when_empty_and_an_error_otherwise(tmp_path: Path) -> None:
    rows = [f"{stamp},N,Calls,5" for stamp in hours("2026-03-29T00:00", 6)]
    inputs = demand(tmp_path, [rows[0], rows[1].replace(",5", ",0"), *rows[2:]])
    assert found(inputs) == [("nonexistent_hour", "demand", 3, "ds", "2026-03-29T01:00")]
    assert severities(inputs) == {"nonexistent_hour": "quarantined"}
    assert severities(demand(tmp_path, rows)) == {"nonexistent_hour": "error"}
    sites = "site,name,time_zone\nN,North,Asia/Tokyo\n"  # no summer time there
    assert found(demand(tmp_path, rows, sites=sites)) == []


def test_times_with_an_offset_become_the_sites_own_and_a_doubled_hour_is_one_row(tmp_path: Path) -> None:
    rows = [
        "2026-10-25T00:00+01:00,N,Calls,1",
        "2026-10-25T01:00+01:00,N,Calls,2",
        "2026-10-25T01:00:00Z,N,Calls,4",
        "2026-10-25T02:00+0000,N,Calls,8",
    ]
    inputs = demand(tmp_path, rows)
    assert found(inputs) == []
    volumes = inputs.volumes("2026-10")
    assert volumes["ds"].dt.strftime("%H:%M").tolist() == ["00:00", "01:00", "02:00"]
    assert volumes["y"].tolist() == [1, 6, 8]
    assert file_counts(inputs, "demand") == (4, 4, 0)


def test_a_time_with_and_without_its_offset_is_one_instant(tmp_path: Path) -> None:
    rows = [f"{stamp},N,Calls,6" for stamp in hours("2026-07-01T11:00", 4)]
    twice = ["2026-07-01T10:00,N,Calls,5", "2026-07-01T10:00+01:00,N,Calls,5", "2026-07-01T09:00Z,N,Calls,7", *rows]
    inputs = demand(tmp_path, twice)
    assert found(inputs) == [
        ("conflicting_key", "demand", 4, "ds,site,service", "2026-07-01T09:00Z,N,Calls"),
        ("repeat", "demand", 3, "ds,site,service", "2026-07-01T09:00Z,N,Calls"),
    ]
    assert inputs.volumes("2026-07")["y"].tolist() == [5, 6, 6, 6, 6]


def test_the_two_hours_of_one_local_time_are_told_apart_and_their_repeats_found(tmp_path: Path) -> None:
    """Ireland's clocks went back at 01:00 UTC on 25 October 2026: 01:00 to 01:59 came twice, 00:30 and 02:00 once."""
    rows = [
        "2026-10-25T00:30+01:00,N,Calls,1",
        "2026-10-25T00:30,N,Calls,1",
        "2026-10-25T01:30+01:00,N,Calls,2",
        "2026-10-25T00:30Z,N,Calls,2",
        "2026-10-25T01:30Z,N,Calls,2",
        "2026-10-25T02:00Z,N,Calls,3",
        "2026-10-25T02:00,N,Calls,3",
    ]
    inputs = demand(tmp_path, rows)
    assert [(rule, row) for rule, _, row, _, _ in found(inputs)] == [("repeat", 3), ("repeat", 5), ("repeat", 8)]
    assert inputs.volumes("2026-10")["y"].tolist() == [1, 4, 3]


def test_an_unknown_time_zone_stops_the_run(tmp_path: Path) -> None:
    inputs = sources.read(folder(tmp_path, sites="site,name,time_zone\nN,North,Europe/Dubln\nS,South,\n"))
    assert found(inputs) == [("not_a_choice", "sites", 2, "time_zone", "Europe/Dubln")]
    assert severities(inputs) == {"not_a_choice": "error"}
    assert inputs.tables["sites"]["site"].tolist() == ["N", "S"]


def test_clock_gaps_are_the_published_ones() -> None:
    """Ireland's clocks went forward at 01:00 UTC on 29 March 2026, Chicago's at 02:00 local time on 13 March 2016."""
    assert (dt.datetime(2026, 3, 29, 1), dt.datetime(2026, 3, 29, 2)) in list(clock_gaps("Europe/Dublin"))
    assert (dt.datetime(2016, 3, 13, 2), dt.datetime(2016, 3, 13, 3)) in list(clock_gaps("America/Chicago"))


def test_demand_faults_are_found_and_services_and_sites_referred_to(tmp_path: Path) -> None:
    rows = [
        "2026-01-01,N,Calls,1",
        "2026-01-01,N,Calls,1",
        "2026-01-02,N,Calls,-1",
        "2026-01-03,X,Calls,1",
        "2026-01-04,N,Mail,1",
        "2026-01-05,,Calls,7",
    ]
    inputs = demand(tmp_path, rows, sites="site,name\nN,North\n", services="service,name,unit\nCalls,Calls,calls\n")
    assert sorted(found(inputs), key=lambda f: f[2]) == [
        ("repeat", "demand", 3, "ds,site,service", "2026-01-01,N,Calls"),
        ("out_of_range", "demand", 4, "volume", "-1"),
        ("orphan", "demand", 5, "site", "X"),
        ("orphan", "demand", 6, "service", "Mail"),
    ]
    assert inputs.volumes("2026-01", "(unassigned)")["y"].tolist() == [7]


def test_nothing_after_the_period_is_seen(tmp_path: Path) -> None:
    data = company(
        tmp_path,
        demand="ds,site,service,volume\n2026-05-31,North,Calls,1\n2026-06-01,North,Calls,2\n2026-05,South,Units,3\n2026-06,South,Units,4\n",
    )
    inputs = sources.read(data)
    assert inputs.volumes("2026-05")["y"].tolist() == [1, 3]
    assert inputs.volumes("2026-05", "South")["y"].tolist() == [3]
    assert set(inputs.actuals("2026-05")["period"]) == {"2026-05"}
    assert inputs.periods_with("ledger") == inputs.periods_with("demand") == ["2026-05", "2026-06"]
    assert inputs.served("2026-04") == []
    assert inputs.served("2026-05") == [("North", "Calls"), ("South", "Units")]
    with pytest.raises(LookupError, match="nearest is 'South'"):
        inputs.volumes("2026-05", "Suoth")


def test_a_table_that_is_not_there_is_said(tmp_path: Path) -> None:
    inputs = sources.read(folder(tmp_path, accounts=ACCOUNTS))
    assert inputs.periods_with("ledger") == inputs.served("2026-05") == []
    with pytest.raises(sources.DataError, match="There is no ledger"):
        inputs.actuals("2026-05")


# -- saving ---------------------------------------------------------------------------------------


def test_saved_inputs_come_back_the_same_without_a_new_check(tmp_path: Path) -> None:
    rates = "currency,period,kind,rate\nUSD,2026-05,average,0.910\n"
    risks = "id,entity,kind,text,amount,likelihood,owner,due_on,state\n1,(all),risk,Rent,,0.5,A,2026-12-31,open\n"
    data = company(
        tmp_path / "data", ledger=LEDGER + LEDGER.splitlines()[1] + "\n", control_totals=TOTALS,
        fx_rates=rates, risks=risks,
        demand="ds,site,service,volume\n2026-05-31,North,Calls,1\n",
    )  # fmt: skip
    (data / "workbook.toml").write_text(
        '[organisation]\nname = "Größe"\n[fiscal_year]\nstart_month = 7\n', encoding="utf-8"
    )
    before = sources.read(data)
    before.save(tmp_path / "run" / "inputs")
    after = sources.read(data, tmp_path / "run")
    assert after.settings == before.settings
    assert set(after.tables) == set(before.tables)
    for name, frame in before.tables.items():
        assert_frame_equal(after.tables[name], frame)
    for name in ("faults", "quarantine", "control", "files"):
        assert_frame_equal(getattr(after, name), getattr(before, name))
    assert_frame_equal(after.actuals("2026-06"), before.actuals("2026-06"))
    assert_frame_equal(after.volumes("2026-06"), before.volumes("2026-06"))
    assert after.entities() == before.entities()
    after.save(tmp_path / "run" / "inputs")  # onto itself
    with pytest.raises(sources.DataError, match="holds no saved inputs"):
        sources.load(tmp_path)


def without_columns(path: Path, *names: str) -> None:
    """Write a Parquet file again as an older version did, which did not know some columns."""
    pd.read_parquet(path).drop(columns=list(names)).to_parquet(path, index=False)


def test_inputs_saved_by_an_older_version_lack_only_what_it_did_not_know(tmp_path: Path) -> None:
    sales = SALES.strip() + ",unit\n2026-05,North,A,1,2,3,4,kg\n"
    payroll = (
        "period,cost_centre,grade,budget_fte,budget_rate,actual_fte,actual_rate,overtime_hours,budget_overtime_hours\n"
        "2026-05,0100,G1,1,2,3,4,5,6\n"
    )
    saved = tmp_path / "inputs"
    sources.read(company(tmp_path / "data", sales=sales, payroll=payroll, activities=POOLS + "\n")).save(saved)
    without_columns(saved / "sales.parquet", "unit")
    without_columns(saved / "payroll.parquet", "budget_overtime_hours")
    without_columns(saved / "activities.parquet", "capacity")
    without_columns(saved / "cost_centres.parquet", "valid_to")
    tables = sources.load(saved).tables
    assert tables["sales"]["unit"].isna().tolist() == [True]
    assert tables["sales"]["actual_units"].tolist() == [Decimal(3)]
    assert tables["payroll"]["budget_overtime_hours"].isna().tolist() == [True]
    assert tables["cost_centres"]["valid_to"].isna().tolist() == [True, True]
    for name in ("sales", "payroll", "activities", "cost_centres"):
        schema(TABLES[name]).validate(tables[name], lazy=True)
    without_columns(saved / "sales.parquet", "actual_units")
    with pytest.raises(
        sources.DataError, match=r"sales.parquet was saved by an older version .*: run the period again"
    ):
        sources.load(saved)


def test_a_ledger_saved_without_the_effect_of_rates_asks_for_the_run_again(tmp_path: Path) -> None:
    saved = tmp_path / "inputs"
    sources.read(company(tmp_path / "data")).save(saved)
    without_columns(saved / "ledger.parquet", "currency_cents")
    with pytest.raises(sources.DataError, match=r"was saved by an older version .*: run the period again"):
        sources.load(saved)


def test_what_is_kept_of_the_run_before_is_read_by_name(tmp_path: Path) -> None:
    data = company(tmp_path / "data")
    inputs = sources.read(data)
    assert dict(inputs.prior) == {}
    inputs.save(tmp_path / "run" / "inputs")
    (tmp_path / "run" / "inputs" / "prior").mkdir()
    figures = pd.DataFrame({"report": ["01"], "cents": [7]})
    figures.to_parquet(tmp_path / "run" / "inputs" / "prior" / "figures.parquet", index=False)
    again = sources.read(data, tmp_path / "run")
    assert list(again.prior) == ["figures"]
    assert_frame_equal(again.prior["figures"], figures.astype({"report": "str"}))


def test_every_checked_frame_meets_its_pandera_schema(root: Path) -> None:
    inputs = sources.read(root / "data" / "sample")
    assert found(inputs) == []
    assert len(inputs.tables) == len(TABLES) - 2
    for name, frame in inputs.tables.items():
        schema(TABLES[name]).validate(frame, lazy=True)


# -- a ledger that is read where it lies ----------------------------------------------------------


def typed_parquet(path: Path, text: str) -> None:
    """Write a ledger's CSV text as Parquet in the columns' own types; an empty cell is NULL."""
    plain = path.with_suffix(".txt")
    plain.write_text(text, encoding="utf-8")
    reader = f"read_csv('{plain}', all_varchar=true, header=true, auto_detect=false, delim=',', columns={{{{}}}})"
    names = text.splitlines()[0].split(",")
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    types = {"posted_on": "DATE", "amount": "DECIMAL(18, 2)", "one_off": "BOOLEAN"}
    cells = ", ".join(f"CAST({n} AS {types[n]}) AS {n}" if n in types else f"{n}" for n in names)
    duckdb.sql(
        f"COPY (SELECT {cells} FROM {reader.format().replace('{}', f'{{{columns}}}')}) TO '{path}' (FORMAT parquet)"
    )
    plain.unlink()


ODD_LEDGER = (
    "document,line,posted_on,period,cost_centre,account,amount,currency,text,one_off\n"
    "D1,1,2026-05-31,2026-05,0100,4000,1000.00,EUR,sold,false\n"
    "D1,2,2026-05-31,2026-05, 0100 ,6000,400.10,EUR,wages ,\n"  # row 3: blanks around a code
    "D1,1,2026-05-31,2026-05,0100,4000,1000.00,EUR,sold,false\n"  # row 4: a repeat
    "D1,2,2026-05-31,2026-05,0100,6000,400.11,EUR,wages,false\n"  # row 5: a contradiction
    "D2,1,,2026-05,0100,6000,1.00,EUR,,true\n"  # row 6: no day
    "D2,2,2026-05-31,2026-13,0100,6000,2.00,EUR,,true\n"  # row 7: no month
    "D2,3,2026-05-31,2026-05,0999,6000,4.00,EUR,,true\n"  # row 8: an orphan
    "D2,4,2026-05-31,2026-01,0100,6000,8.00,EUR,,true\n"  # row 9: a wrong period
    "D2,5,2026-05-31,2026-05,0100,6000,100.00,GBP,,true\n"
    "D2,6,2026-05-31,2026-05,0100,6000,16.00,CHF,,true\n"  # row 11: no rate
    "D2,7,2026-05-31,2026-05,,6000,32.00,,,true\n"
    "D2,8,2026-05-31,2026-05,0100,6000,,EUR,,true\n"  # row 13: no amount
    ",9,2026-05-31,2026-05,0100,6000,64.00,EUR,,true\n"  # row 14: no document
    "D2,10,1850-05-31,2026-05,0100,6000,64.00,EUR,,true\n"  # row 15: a day that is none of ours
    "1.2e+10,1,2026-05-31,2026-05,0100,6000,3.00,EUR,,false\n"  # row 16: the row after it, mangled
    "12000000000,1,2026-05-31,2026-05,0100,6000,3.00,EUR,,false\n"
    "D2,11,2026-05-31,2026-05,0100,6000,12000000000000.00,EUR,,true\n"  # row 18: beyond every limit
    "D2,12,2026-05-31,2026-05,0100,6000 ,5.00,EUR,,true\n"
    "D2,13,2026-05-31,2026-05,0100,\u00a06000,6.00,EUR,,true\n"
)


@pytest.mark.parametrize("sign", ["natural", "debit_credit"])
def test_a_parquet_ledger_is_checked_as_its_csv_is(tmp_path: Path, sign: str) -> None:
    tables = {"fx_rates": RATES, "control_totals": TOTALS}
    text, typed = (company(tmp_path / form, ledger=ODD_LEDGER, **tables) for form in ("csv", "parquet"))
    (typed / "ledger.csv").unlink()
    typed_parquet(typed / "ledger.parquet", ODD_LEDGER)
    for data in (text, typed):
        (data / "workbook.toml").write_text(f'[ledger]\nsign = "{sign}"\n', encoding="utf-8")
    one, other = sources.read(text), sources.read(typed)
    rules = Counter(one.faults["rule"])
    assert rules["unparsable"] == rules["repeat"] == rules["conflicting_key"] == rules["mangled_code"] == 1
    assert rules["missing_value"] == 3
    assert rules["out_of_range"] == 2
    assert rules["orphan"] == rules["wrong_period"] == rules["foreign_currency"] == 1
    assert found(other) == found(one)
    assert other.quarantine["row"].tolist() == one.quarantine["row"].tolist()
    assert_frame_equal(other.control, one.control)
    assert file_counts(other, "ledger") == file_counts(one, "ledger") == (19, 7, 12)
    assert_frame_equal(other.actuals("2026-12"), one.actuals("2026-12"))
    assert other.periods_with("ledger") == ["2026-05"]
    assert other.entities() == one.entities()
    lines = [pd.read_parquet(inputs.ledger).sort_values(["document", "line"]) for inputs in (one, other)]
    assert_frame_equal(lines[0].reset_index(drop=True), lines[1].reset_index(drop=True))


BAD_YEARS = (
    "document,line,posted_on,period,cost_centre,account,amount\n"
    "D1,1,2026-05-31,2026-05,0100,4000,1000.00\n"
    "D1,2,2026-05-31,0000-05,0100,6000,1.00\n"
    "D1,3,2026-05-31,9999-12,0100,6000,2.00\n"
    "D1,4,9999-12-31,2026-05,0100,6000,4.00\n"
    "D1,5,0001-01-01,2026-05,0100,6000,8.00\n"
    "D1,6,0044-03-15 (BC),2026-05,0100,6000,16.00\n"
    "D1,7,2199-12-31,2199-12,0100,6000,32.00\n"  # readable: its cost centre is valid, and so is its period
    "D1,8,1900-01-01,1900-01,0100,6000,64.00\n"
)


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize(
    "calendar",
    [
        pytest.param("", id="monthly"),
        pytest.param('[fiscal_year]\ncalendar = "4-4-5"\nyear_end = "last Saturday of December"\n', id="4-4-5"),
    ],
)
def test_a_year_that_no_calendar_has_is_out_of_range_and_no_more(tmp_path: Path, calendar: str, form: str) -> None:
    totals = "period,site,type,amount\n2026-05,,revenue,1000.00\n2026-05,,cost,28.00\n"
    centres = COST_CENTRES.replace("2025-01-01", "1900-01-01")
    data = company(tmp_path, ledger=BAD_YEARS, cost_centres=centres, control_totals=totals)
    (data / "workbook.toml").write_text(calendar, encoding="utf-8")
    if form == "parquet":
        (data / "ledger.csv").unlink()
        typed_parquet(data / "ledger.parquet", BAD_YEARS)
    inputs = sources.read(data)
    assert [fault for fault in found(inputs) if fault[2] < 8] == [
        ("out_of_range", "ledger", 3, "period", "0000-05"),
        ("out_of_range", "ledger", 4, "period", "9999-12"),
        ("out_of_range", "ledger", 5, "posted_on", "9999-12-31"),
        ("out_of_range", "ledger", 6, "posted_on", "0001-01-01"),
        ("unparsable", "ledger", 7, "posted_on", "0044-03-15 (BC)"),
    ]
    assert inputs.actuals("2026-12").query("period == '2026-05'")["amount_cents"].tolist() == [1000_00]
    assert inputs.control["agrees"].all()
    assert inputs.entities() == ["North", "(all)"]


def test_days_stored_as_times_are_days_at_midnight_only(tmp_path: Path) -> None:
    data = company(tmp_path)
    (data / "ledger.csv").unlink()
    stamps = ["2026-05-31 00:00", "2026-05-31 13:45"]
    duckdb.sql(
        "COPY (SELECT 'D' AS document, row_number() OVER () AS line, day::TIMESTAMP AS posted_on, '2026-05' AS period, "
        "'0100' AS cost_centre, '6000' AS account, 1.00::DECIMAL(9, 2) AS amount "
        f"FROM (VALUES ('{stamps[0]}'), ('{stamps[1]}')) t(day)) TO '{data}/ledger.parquet' (FORMAT parquet)"
    )
    inputs = sources.read(data)
    assert found(inputs) == [("unparsable", "ledger", 3, "posted_on", "2026-05-31 13:45:00")]
    assert inputs.actuals("2026-05")["lines"].tolist() == [1]


def test_a_parquet_ledger_is_not_copied_before_its_lines_are_asked_for(tmp_path: Path) -> None:
    data = company(tmp_path / "data")
    (data / "ledger.csv").unlink()
    typed_parquet(data / "ledger.parquet", LEDGER)
    inputs = sources.read(data)
    assert inputs.actuals("2026-06")["amount_cents"].tolist() == [1000_00, 400_10, -5]
    assert list(inputs.store.glob("ledger*")) == []
    inputs.save(tmp_path / "run")
    path = inputs.ledger
    assert path == inputs.store / "ledger.parquet"
    assert pd.read_parquet(path).columns.tolist() == [
        "document", "line", "posted_on", "period", "cost_centre", "account", "amount_cents", "currency", "text",
        "one_off", "currency_cents",
    ]  # fmt: skip
    (data / "ledger.parquet").unlink()
    assert_frame_equal(sources.load(tmp_path / "run").actuals("2026-06"), inputs.actuals("2026-06"))
    assert sources.load(tmp_path / "run").ledger == tmp_path / "run" / "ledger.parquet"


def test_a_parquet_ledger_that_changed_after_its_check_is_refused(tmp_path: Path) -> None:
    data = company(tmp_path)
    (data / "ledger.csv").unlink()
    typed_parquet(data / "ledger.parquet", LEDGER)
    inputs = sources.read(data)
    typed_parquet(data / "ledger.parquet", LEDGER.replace("400.10", "400.11"))
    with pytest.raises(sources.DataError, match="has changed since it was checked"):
        inputs.actuals("2026-06")
    request = batch.Request("2026-06", data, tmp_path / "runs", tmp_path)
    with pytest.raises(batch.RequestError, match="has changed since it was checked"):  # a sentence, not a traceback
        plan_checked(request, (), inputs)
    with pytest.raises(sources.DataError, match="has changed since it was checked"):
        inputs.save(tmp_path / "run")


def test_a_parquet_ledger_that_is_gone_says_so(tmp_path: Path) -> None:
    data = company(tmp_path)
    (data / "ledger.csv").unlink()
    typed_parquet(data / "ledger.parquet", LEDGER)
    inputs = sources.read(data)
    (data / "ledger.parquet").unlink()
    with pytest.raises(sources.DataError, match=r"ledger.parquet is gone since it was checked"):
        inputs.actuals("2026-06")


def test_reading_leaves_the_data_folder_untouched(tmp_path: Path) -> None:
    data = company(tmp_path)
    before = {p.name: p.read_bytes() for p in data.iterdir()}
    sources.read(data)
    assert {p.name: p.read_bytes() for p in data.iterdir()} == before


# -- real data ------------------------------------------------------------------------------------


@needs_real
def test_the_municipal_ledger_meets_its_324_control_totals() -> None:
    inputs = sources.read(REAL / "municipal")
    assert found(inputs) == []
    assert len(inputs.control) == 324
    assert inputs.control["agrees"].all()
    assert inputs.entities() == ["Kryvyi Rih", "Lutsk", "Ternopil", "(all)"]


@needs_real
def test_a_municipal_ledger_short_of_one_line_names_period_site_and_type(tmp_path: Path) -> None:
    for file in (REAL / "municipal").iterdir():
        text = file.read_text(encoding="utf-8")
        if file.name == "ledger.csv":
            lines = text.splitlines(keepends=True)
            gone = lines.pop(9_000).split(",")
            text = "".join(lines)
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    inputs = sources.read(tmp_path)
    assert inputs.faults["rule"].tolist() == ["control_total"]
    site = {"KRY": "Kryvyi Rih", "LUT": "Lutsk", "TER": "Ternopil"}[gone[4][:3]]
    kind = "cost" if len(gone[5]) == 4 else "revenue"
    for word in (gone[3], site, kind):
        assert word in inputs.faults["remedy"][0]


@needs_real
@pytest.mark.parametrize("numbered", [False, True], ids=["rows equal but for the code", "rows numbered through"])
def test_the_published_slice_with_every_row_twice_is_mended(tmp_path: Path, numbered: bool) -> None:
    def ledger(name: str) -> list[str]:
        frame = pd.read_csv(REAL / "dirty" / name, dtype=str)
        documents = (
            [f"L{k}" for k in range(len(frame))] if numbered else [f"{r.period}-{r.fund}" for r in frame.itertuples()]
        )
        return [
            f"{d},{r.account_code},2021-12-31,2021-12,{r.entity_code}-{r.fund},{r.account_code},"
            f"{Decimal(r.actual_ytd_cents).scaleb(-2)}"
            for d, r in zip(documents, frame.itertuples(), strict=True)
        ]  # fmt: skip

    head = "document,line,posted_on,period,cost_centre,account,amount\n"
    mended = sources.read(
        folder(tmp_path / "clean", ledger=head + "\n".join(ledger("ua_clean_cherkasy_2021_expenses.csv")))
    )
    inputs = sources.read(
        folder(tmp_path / "dirty", ledger=head + "\n".join(ledger("ua_dirty_cherkasy_2021_expenses.csv")))
    )
    assert Counter(inputs.faults["rule"]) == Counter(mangled_code=872)
    assert inputs.faults["value"].str.startswith("2.3576e+10").all()
    assert mended.faults.empty
    assert_frame_equal(inputs.actuals("2021-12"), mended.actuals("2021-12"))


@needs_real
def test_both_sides_of_a_city_budget_keep_their_totals_though_one_key_is_blank(tmp_path: Path) -> None:
    city = pd.read_csv(REAL / "dirty" / "oakland_original_vs_adjusted_FY14-15.csv", dtype=str, keep_default_na=False)
    city = city[city["adjusted_budget"] != ""]
    rows = [
        f'{r.fund_code},{k},2015-06-30,2015-06,"{r.department}","{r.account_category}",{r.adjusted_budget}'
        for k, r in enumerate(city.itertuples())
    ]
    names = sorted(set(city["account_category"]) - {""})
    accounts = [f'"{name}","{name}",revenue,Revenue,fixed' for name in names] + [",Not given,cost,Cost,fixed"]
    departments = [
        f'"{name}",2014-07-01,"{name}","{name}",Oakland' for name in sorted(set(city["department"]) - {"(none)"})
    ]
    sides = {t: sum(to_cents(a) for a in g["adjusted_budget"]) for t, g in city.groupby("account_type")}
    inputs = sources.read(
        folder(
            tmp_path,
            ledger="document,line,posted_on,period,cost_centre,account,amount\n" + "\n".join(rows),
            accounts="account,name,type,pl_line,behaviour\n" + "\n".join(accounts),
            cost_centres="cost_centre,valid_from,name,department,site\n" + "\n".join(departments),
            control_totals="period,type,amount\n" + "".join(
                f"2015-06,{kind},{Decimal(sides[side]).scaleb(-2)}\n"
                for side, kind in (("Revenue", "revenue"), ("Expense", "cost"))
            ),
        )
    )  # fmt: skip
    assert found(inputs) == []
    assert inputs.control["agrees"].tolist() == [True, True]
    actuals = inputs.actuals("2015-06")
    assert actuals.loc[actuals["cost_centre"] == "(none)", "amount_cents"].sum() == sides["Revenue"]
    assert actuals.loc[actuals["account"] == "(unassigned)", "amount_cents"].sum() == sides["Expense"]


@needs_real
def test_both_sides_of_a_city_budget_by_year_keep_their_totals_in_both_versions(tmp_path: Path) -> None:
    city = pd.read_csv(REAL / "dirty" / "oakland_original_vs_adjusted_FY14-15.csv", dtype=str, keep_default_na=False)
    versions = {"original": "original_budget", "amended": "adjusted_budget"}
    lines: dict[tuple[str, str, str], Decimal] = {}
    sides: dict[tuple[str, str], Decimal] = {}
    for row in city.to_dict("records"):
        for version, column in versions.items():
            amount = Decimal(row[column] or 0)
            key, side = (version, row["department"], row["account_category"]), (version, row["account_type"])
            lines[key] = lines.get(key, Decimal(0)) + amount
            sides[side] = sides.get(side, Decimal(0)) + amount
    names = sorted(set(city["account_category"]) - {""})
    accounts = [f'"{name}","{name}",revenue,Revenue,fixed' for name in names] + [",Not given,cost,Cost,fixed"]
    departments = sorted(set(city["department"]) - {"(none)"})
    data = folder(
        tmp_path,
        accounts="account,name,type,pl_line,behaviour\n" + "\n".join(accounts),
        cost_centres="cost_centre,valid_from,name,department,site\n"
        + "\n".join(f'"{name}",2014-07-01,"{name}","{name}",Oakland' for name in departments),
        budget=BUDGET + "\n".join(f'{v},2015,"{d}","{a}",{amount}' for (v, d, a), amount in lines.items()),
    )
    (data / "workbook.toml").write_text(
        '[fiscal_year]\nstart_month = 7\n[budget]\nversion = "amended"\n', encoding="utf-8"
    )
    inputs = sources.read(data)
    assert found(inputs) == []
    read = inputs.tables["budget"].merge(inputs.tables["accounts"], on="account", how="left", validate="m:1")
    totals = read.groupby(["version", "type"], dropna=False)["amount_cents"].sum().to_dict()
    assert totals == {
        (v, {"Revenue": "revenue", "Expense": "cost"}[side]): to_cents(a) for (v, side), a in sides.items()
    }
    published = {side: amount for (version, side), amount in sides.items() if version == "original"}
    assert published == {"Revenue": Decimal("1090238743.00"), "Expense": Decimal("1090122151.00")}
    assert len(read) == len(lines)
    assert inputs.entities() == ["Oakland", "(all)"]
