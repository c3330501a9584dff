"""workbook.toml: every key has a default, and an unknown one is named with its nearest."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsanalytics.periods import Calendar
from opsanalytics.settings import Materiality, Settings, SettingsError, StaffingRules, parse_settings, read_settings


def test_a_folder_without_settings_gets_the_defaults(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == Settings()


def test_every_key_is_read() -> None:
    settings = parse_settings(
        {
            "organisation": {
                "name": "Mill",
                "currency": "JPY",
                "minor_digits": 0,
                "time_zone": "Asia/Tokyo",
                "holidays": "JP",
            },
            "fiscal_year": {"start_month": 7, "calendar": "4-4-5", "year_end": "last Saturday of June"},
            "budget": {"version": "amended", "phasing": "days"},
            "materiality": {"amount": "2500", "share": 0.1, "mode": "or"},
            "reports": {"entities": "site", "closed_through": "2026-09"},
            "ledger": {"sign": "debit_credit"},
            "columns": {"ledger": {"amount": "Net amount"}},
            "staffing": {
                "overtime_premium": 0.25,
                "overtime_limit": 0.2,
                "temporary_premium": 1,
                "hiring_cost": "150000",
                "handling_time_spread": 0.1,
                "understaff_price": 2,
                "shift_hours": [9, 4.5],
                "break_minutes": 45,
                "days_on": 4,
            },
        }
    )
    assert settings == Settings(
        "Mill", "JPY", 0, "Asia/Tokyo", "JP", Calendar(7, "4-4-5", "last Saturday of June"), "amended", "days",
        Materiality(2500, 0.1, "or"), "site", "2026-09", "debit_credit", {"ledger": {"amount": "Net amount"}},
        StaffingRules(0.25, 0.2, 1.0, 150000, 0.1, 2.0, (9.0, 4.5), 45, 4),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        pytest.param({"organization": {}}, r"nearest is \[organisation\]", id="section"),
        pytest.param({"fiscal_year": {"strat_month": 7}}, r"nearest is \[fiscal_year\] start_month", id="key"),
        pytest.param({"columns": {"leger": {}}}, r"nearest is \[columns.ledger\]", id="table"),
        pytest.param({"columns": {"ledger": {"amuont": "x"}}}, r"nearest is \[columns.ledger\] amount", id="column"),
        pytest.param({"budget": {"phasing": "evenly"}}, "nearest is even", id="choice"),
        pytest.param({"organisation": {"time_zone": "Europe/Dubln"}}, "nearest is Europe/Dublin", id="time zone"),
        pytest.param({"organisation": {"minor_digits": "2"}}, "whole number", id="type"),
        pytest.param({"materiality": {"amount": "ten"}}, "plain amount", id="amount"),
        pytest.param({"materiality": {"amount": 10000.0}}, "in quotes", id="a float is no money"),
        pytest.param({"materiality": {"share": 5}}, "ratio from 0 to 1", id="share"),
        pytest.param({"reports": {"closed_through": "2026-9"}}, "YYYY-MM", id="month"),
        pytest.param({"fiscal_year": {"calendar": "4-4-5"}}, "needs year_end", id="calendar"),
        pytest.param(
            {"fiscal_year": {"calendar": "4-4-5", "year_end": "last Saturday of June"}}, "it is 7", id="start and end"
        ),
        pytest.param({"fiscal_year": {"calendar": "4-4-5", "year_end": 5}}, "text in quotes", id="year_end"),
        pytest.param({"organisation": {"holidays": ["IE"]}}, "nearest is IE", id="holidays"),
        pytest.param({"organisation": {"time_zone": "Europe"}}, "IANA name", id="a region is no time zone"),
        pytest.param({"staffing": {"overtime_limt": 0.1}}, "nearest is .staffing. overtime_limit", id="staffing key"),
        pytest.param({"staffing": {"overtime_limit": 2}}, "from 0 to 1", id="overtime"),
        pytest.param({"staffing": {"understaff_price": 0.5}}, "1 or more", id="a price below the wage"),
        pytest.param({"staffing": {"hiring_cost": 2500}}, "in quotes", id="hiring cost"),
        pytest.param({"staffing": {"shift_hours": [8, 25]}}, r"\[8, 6, 4\]", id="a shift longer than a day"),
        pytest.param({"staffing": {"shift_hours": 8}}, "lengths of shifts", id="one shift"),
        pytest.param({"staffing": {"days_on": 8}}, "from 1 to 7", id="days on"),
        pytest.param({"budget": "original"}, "is a section", id="a key where a section belongs"),
    ],
)
def test_what_cannot_be_is_said_with_what_to_write(document: dict, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        parse_settings(document)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "workbook.toml").write_text("[organisation\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"workbook\.toml cannot be read"):
        read_settings(tmp_path)
