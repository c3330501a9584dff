"""Every rounding and every way a number or a name is written."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsanalytics import budget, formats


@pytest.mark.parametrize(
    ("text", "digits", "cents"),
    [
        ("12.30", 2, 1230),
        ("-0.01", 2, -1),
        ("+7", 2, 700),
        (".5", 2, 50),
        ("1.200", 2, 120),
        ("12", 0, 12),
        ("0.001", 3, 1),
    ],
)
def test_money_is_read_exactly(text: str, digits: int, cents: int) -> None:
    assert formats.to_cents(text, digits) == cents


@pytest.mark.parametrize("text", ["1,234.50", "12.345", "1e3", "12 EUR", "", "nan", "Infinity", "99999999999999999999"])
def test_what_is_no_exact_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a decimal number|decimals|too large"):
        formats.to_cents(text)


@given(st.integers(-(10**15), 10**15))
def test_money_written_in_full_reads_back(cents: int) -> None:
    assert formats.to_cents(formats.money(cents).replace(",", "")) == cents


def test_money_is_written_in_full_thousands_and_millions() -> None:
    assert formats.money(123_456_789) == "1,234,567.89"
    assert formats.money(123_456_789, unit="k") == "1,234.6"
    assert formats.money(-123_456_789, unit="m", signed=True) == "-1.2"
    assert formats.money(100, signed=True) == "+1.00"
    assert formats.money(0, signed=True) == "0.00"
    assert formats.money(-1, unit="k") == "0.0", "no minus before a zero"


@pytest.mark.parametrize(
    ("cents", "unit", "text"),
    [(3_00, "k", "+0.003"), (-40_00, "k", "-0.04"), (60_00, "k", "+0.1"), (1, "m", "+0.00000001"), (0, "k", "0.0")],
)
def test_an_amount_beside_a_verdict_never_reads_as_zero_when_it_is_none(cents: int, unit: str, text: str) -> None:
    assert formats.money(cents, 2, unit, signed=True, never_zero=True) == text
    assert formats.money(cents, 2, unit, signed=True) in (text, "0.0")


@pytest.mark.parametrize("missing", [None, pd.NA, pd.NaT])
def test_every_kind_of_missing_is_seen(missing: object) -> None:
    assert formats.is_missing(missing)
    assert not formats.is_missing(0)


@pytest.mark.parametrize("missing", [None, math.nan, float("nan")])
def test_missing_is_written_as_not_available_never_as_zero(missing: float | None) -> None:
    assert (
        formats.money(missing)
        == formats.share(missing)
        == formats.number(missing)
        == formats.significant(missing)
        == "n.a."
    )


def test_shares_and_numbers() -> None:
    assert formats.share(0.0434) == "4.3 %"
    assert formats.share(-0.1, signed=True) == "-10.0 %"
    assert formats.number(1234567.4) == "1,234,567"
    assert formats.significant(123456, 3) == "123,000"
    assert formats.significant(0.012345, 2) == "0.012"
    assert formats.month_name("2026-09") == "Sep 2026"


def test_unit_of_an_exhibit_follows_its_largest_amount() -> None:
    assert formats.money_unit([99_999_99, None]) == ""
    assert formats.money_unit([100_000_00, -1]) == "k"
    assert formats.money_unit([-100_000_000_00]) == "m"
    assert formats.money_unit([99_999], minor_digits=0) == ""
    assert formats.money_unit([100_000], minor_digits=0) == "k"


@given(st.lists(st.text(max_size=60), unique=True, max_size=20))
def test_names_from_data_become_distinct_plain_folder_names(names: list[str]) -> None:
    folders = formats.slugs(names)
    assert len(set(folders.values())) == len(names)
    for folder in folders.values():
        assert folder
        assert set(folder) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert len(folder) <= 48


def test_a_path_in_a_name_is_no_path() -> None:
    assert formats.slug("../../etc/passwd") == "etc-passwd"
    assert formats.slug("(all)") == "all"
    assert formats.slug("Тернопіль").startswith("entity-")
    assert formats.slug("NUL").startswith("nul-"), "Windows keeps the name for a device"


@given(st.text(max_size=200), st.integers(1, 50))
def test_a_shortened_name_fits(text: str, width: int) -> None:
    assert len(formats.shorten(text, width)) <= width


def test_the_nearest_word_is_named() -> None:
    assert formats.nearest("corc", ["Cork", "Dublin"]) == "Cork"
    assert formats.nearest("x", []) is None


def test_the_methods_of_outlook_and_no_others_have_a_name_each_its_own() -> None:
    assert set(formats.METHODS) == {*budget.METHODS, budget.COMBINED}
    assert len(set(formats.METHODS.values())) == len(formats.METHODS)
    assert not [name for name in formats.METHODS.values() if "_" in name]


def test_a_code_without_a_word_is_its_own_word() -> None:
    assert formats.word(formats.DRIVERS, "hiring_delay") == "hiring delay"
    assert formats.word(formats.DRIVERS, "idle_capacity") == "idle capacity"
    assert formats.word({}, "<b>") == "<b>"
