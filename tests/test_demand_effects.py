"""Effects: what special days did, what planned ones would do, and where a level changed, against known truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsanalytics.demand import effects as fx
from opsanalytics.periods import Calendar
from opsanalytics.sample.demand import SERIES, demand_truth

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
TRUTH = demand_truth(0)


def stamps(first: str, last: str, freq: str = "D") -> pd.DatetimeIndex:
    return pd.date_range(first, last, freq=freq).as_unit("us")


def events(*rows: tuple[str, str, str, str], known_ahead: bool = True) -> pd.DataFrame:
    """Effects from (name, kind, first, last)."""
    frames = [
        pd.DataFrame({"ds": stamps(first, last), "name": name, "kind": kind, "known_ahead": known_ahead})
        for name, kind, first, last in rows
    ]
    return pd.concat([fx.no_effects(), *frames], ignore_index=True).astype({"known_ahead": "bool"})


def holidays(first: str, last: str) -> pd.DataFrame:
    return fx.day_effects(None, "IE", pd.Timestamp(first), pd.Timestamp(last))


# Months and weeks


def test_a_campaign_counts_with_its_share_of_the_days_of_the_month() -> None:
    campaign = events(("Spring 2024", "campaign", "2024-03-25", "2024-04-09"))
    table = fx.period_regressors(campaign, stamps("2024-03-01", "2024-05-01", "MS"), "MS")
    assert table["Spring"].tolist() == [7 / 31, 9 / 30, 0.0]


def test_a_campaign_counts_with_its_share_of_the_days_of_the_week() -> None:
    campaign = events(("Spring", "campaign", "2024-04-03", "2024-04-16"))  # Wednesday to Tuesday
    table = fx.period_regressors(campaign, stamps("2024-04-01", "2024-04-22", "W-MON"), "W-MON")
    assert table["Spring"].tolist() == [5 / 7, 1.0, 2 / 7, 0.0]


def test_months_of_a_week_calendar_have_their_own_days() -> None:
    calendar = Calendar(7, "4-4-5", "last Saturday of June")
    closed = events(("Move", "closure", "2026-06-28", "2026-07-25"))
    table = fx.period_regressors(closed, stamps("2026-06-01", "2026-08-01", "MS"), "MS", calendar)
    assert str(calendar.first_day("2026-07")) == "2026-06-28"
    assert calendar.days("2026-07") == 28
    assert table[fx.CLOSURES].tolist() == [0.0, 1.0, 0.0]


def test_easter_moves_between_months_and_stays_while_christmas_is_left_to_the_season() -> None:
    assert "Easter Monday" not in fx.period_regressors(
        holidays("2023-01-01", "2026-12-31"), stamps("2023-01-01", "2026-12-01", "MS"), "MS"
    )
    table = fx.period_regressors(holidays("2023-01-01", "2027-12-31"), stamps("2023-01-01", "2027-12-01", "MS"), "MS")
    assert table.columns.tolist() == ["Easter Monday"]
    monday = {stamp: share for stamp, share in table["Easter Monday"].items() if share}
    assert monday == {pd.Timestamp(year, 4, 1): 1 / 30 for year in range(2023, 2027)} | {
        pd.Timestamp("2027-03-01"): 1 / 31  # Easter Monday 2027 is the 29th of March
    }


def test_a_holiday_of_february_is_fixed_also_in_a_leap_year() -> None:
    first = events(*[("Saint Brigid", "holiday", f"{year}-02-01", f"{year}-02-01") for year in (2023, 2024, 2025)])
    assert fx.period_regressors(first, stamps("2023-01-01", "2025-12-01", "MS"), "MS").columns.empty


def test_a_holiday_that_began_within_the_history_stays() -> None:
    new = events(*[("New day", "holiday", f"{year}-02-01", f"{year}-02-01") for year in (2024, 2025)])
    assert fx.period_regressors(new, stamps("2023-01-01", "2025-12-01", "MS"), "MS")["New day"].sum() == pytest.approx(
        1 / 29 + 1 / 28
    )


def test_what_the_history_cannot_tell_is_no_column_though_it_is_planned() -> None:
    planned = events(("Launch", "campaign", "2025-02-03", "2025-02-09"))
    months, cutoff = stamps("2023-01-01", "2027-12-01", "MS"), pd.Timestamp("2024-12-31")
    assert fx.period_regressors(planned, months, "MS", cutoff=cutoff).columns.empty
    assert fx.day_regressors(planned, stamps("2024-01-01", "2025-12-31"), cutoff=cutoff).columns.empty
    # Easter Monday was in April in 2023 and 2024: what it does in March of 2027 was never seen apart from the season
    assert fx.period_regressors(holidays("2023-01-01", "2027-12-31"), months, "MS", cutoff=cutoff).columns.empty


@st.composite
def event_tables(draw: st.DrawFn) -> pd.DataFrame:
    """Up to six events of up to 40 days in 2022 to 2025, with rows of any order."""
    rows = []
    for number in range(draw(st.integers(1, 6))):
        first = pd.Timestamp("2022-01-01") + pd.Timedelta(days=draw(st.integers(0, 1400)))
        last = first + pd.Timedelta(days=draw(st.integers(0, 40)))
        kind = draw(st.sampled_from(["holiday", "campaign", "closure"]))
        name = "Event " + "abcdef"[number]
        rows.append(events((name, kind, str(first), str(last)), known_ahead=draw(st.booleans())))
    return pd.concat(rows, ignore_index=True)


@given(event_tables(), st.sampled_from(["MS", "W-MON", "W-THU"]))
@settings(max_examples=12, deadline=None)
def test_shares_add_up_to_the_days_and_the_order_of_rows_does_not_matter(table: pd.DataFrame, freq: str) -> None:
    periods = stamps("2021-12-01", "2026-03-01", freq)
    shares = fx.period_regressors(table, periods, freq)
    lengths = periods.days_in_month.to_numpy() if freq == "MS" else np.full(len(periods), 7)
    days = {fx.CLOSURES: len(fx.closure_days(table))} | {
        name: int((rows["kind"] != "closure").sum()) for name, rows in table.groupby("name")
    }
    for name in set(shares.columns) - {"other holidays"}:
        assert shares[name].mul(lengths).sum() == pytest.approx(days[name])
    shuffled = table.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(fx.period_regressors(shuffled, periods, freq), shares)


@given(event_tables(), st.integers(200, 1300))
@settings(max_examples=12, deadline=None)
def test_nothing_after_the_cutoff_counts_unless_it_was_known_ahead(table: pd.DataFrame, days: int) -> None:
    cutoff = pd.Timestamp("2022-01-01") + pd.Timedelta(days=days)
    unknown = (table["ds"] > cutoff) & ~table["known_ahead"]
    months, whole = stamps("2022-01-01", "2026-03-01", "MS"), stamps("2022-01-01", "2026-03-01")
    pd.testing.assert_frame_equal(
        fx.period_regressors(table, months, "MS", cutoff=cutoff),
        fx.period_regressors(table[~unknown], months, "MS", cutoff=cutoff),
    )
    pd.testing.assert_frame_equal(
        fx.day_regressors(table, whole, cutoff=cutoff), fx.day_regressors(table[~unknown], whole, cutoff=cutoff)
    )


def test_a_day_has_a_one_for_each_effect_that_holds_and_campaigns_of_one_name_share_a_column() -> None:
    table = events(
        ("Spring 2024", "campaign", "2024-04-08", "2024-04-09"),
        ("Spring 2025", "campaign", "2025-04-08", "2025-04-08"),
        ("Storm", "closure", "2024-04-10", "2024-04-10"),
    )
    days = stamps("2024-04-07", "2025-04-09")
    found = fx.day_regressors(table, days, cutoff=pd.Timestamp("2024-12-31"))
    assert found.columns.tolist() == ["Spring"]
    assert found.index[found["Spring"] == 1].strftime("%Y-%m-%d").tolist() == ["2024-04-08", "2024-04-09", "2025-04-08"]


def test_a_campaign_not_met_acts_as_the_latest_one_met_and_not_as_one_that_is_planned_later() -> None:
    table = events(
        ("Spring 2024", "campaign", "2024-04-08", "2024-04-08"),
        ("Autumn 2024", "campaign", "2024-09-08", "2024-09-08"),
        ("Summer", "campaign", "2025-07-01", "2025-07-01"),
        ("Spring 2026", "campaign", "2026-04-08", "2026-04-08"),
    )
    training = stamps("2024-01-01", "2024-12-31")
    for order in (table, table[::-1]):
        found = fx.regressors(order, training).set_index("ds")["holiday"]
        assert found[pd.Timestamp("2025-07-01")] == "Autumn"


# Trading days


def test_a_month_that_begins_on_a_monday_and_has_31_days_has_more_of_the_first_three_days() -> None:
    months = stamps("2020-01-01", "2026-12-01", "MS")
    july = fx.trading_days(months).loc["2024-07-01"]  # 1 July 2024 is a Monday
    one = pytest.approx(1 / 31)
    assert july[["Monday", "Tuesday", "Wednesday"]].tolist() == [one] * 3
    assert july[["Thursday", "Friday", "Saturday"]].tolist() == [0.0] * 3
    assert july["length"] == pytest.approx(np.log(31 / 30.4375))


def test_a_february_of_28_days_has_no_contrast_and_a_leap_year_is_longer() -> None:
    months = fx.trading_days(stamps("2019-01-01", "2024-12-01", "MS"))
    assert months.loc["2023-02-01"].drop("length").abs().max() == 0
    leap = months.loc["2024-02-01", "length"] - months.loc["2023-02-01", "length"]
    assert leap == pytest.approx(np.log(29 / 28))


def test_contrasts_average_to_nothing_in_the_long_run() -> None:
    table = fx.trading_days(stamps("1972-01-01", "1999-12-01", "MS"))  # 28 years hold every weekday pattern
    assert table.drop(columns="length").mean().abs().max() < 1e-3


def test_a_month_of_known_weekday_volumes_is_given_back_by_the_contrasts() -> None:
    weekday = np.array([1.2, 1.1, 1.05, 1.05, 1.1, 0.9, 0.6])  # mean 1
    months = stamps("2019-01-01", "2025-12-01", "MS")
    days = stamps("2019-01-01", "2025-12-31")
    total = pd.Series(weekday[days.day_of_week], index=days).resample("MS").sum()
    table = fx.trading_days(months)
    expected = table["length"] + np.log1p(table.drop(columns="length").to_numpy() @ (weekday[:6] - 1))
    np.testing.assert_allclose(np.log(total.to_numpy() / 30.4375), expected, atol=1e-12)


def test_below_five_years_weekdays_are_held_against_the_weekend() -> None:
    months = stamps("2022-01-01", "2027-12-01", "MS")
    table = fx.trading_days(months, cutoff=pd.Timestamp("2026-11-30"))  # 59 months
    assert table.columns.tolist() == ["weekdays", "length"]
    assert table.loc["2024-06-01", "weekdays"] == pytest.approx((20 - 2.5 * 10) / 30)
    assert "Saturday" in fx.trading_days(months, cutoff=pd.Timestamp("2026-12-31"))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        pytest.param(lambda: fx.trading_days(stamps("2024-01-01", "2024-02-01", "W-MON"), "W-MON"), "every weekday"),
        pytest.param(lambda: fx.period_regressors(fx.no_effects(), stamps("2024-01-01", "2024-01-02"), "D"), "MS"),
        pytest.param(
            lambda: fx.period_regressors(fx.no_effects(), stamps("2024-01-01", "2024-01-01").repeat(2), "MS"), "twice"
        ),
        pytest.param(lambda: fx.effect_sizes(pd.Series(), fx.no_effects(), "MS", pd.Series()), "measured on days"),
        pytest.param(
            lambda: fx.effect_sizes(pd.Series(), fx.no_effects(), "D", pd.Series(), autocorrelation=1), "below 1"
        ),
        pytest.param(lambda: fx.level_shifts(pd.Series(dtype="float64"), "30min"), "add the intervals"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_sentence(call: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()  # type: ignore[operator]


# Sizes


def flat(n: int = 200, noise: float = 0.05, seed: int = 1) -> pd.Series:
    """Days about 1."""
    days = pd.date_range("2024-01-01", periods=n).as_unit("us")
    return pd.Series(np.exp(np.random.default_rng(seed).normal(0, noise, n)), index=days)


ONE_CAMPAIGN = events(("Push", "campaign", "2024-03-01", "2024-03-06"))


def size_of(ratios: list[float], ordinary_noise: float = 0.0, **options: float) -> pd.Series:
    """The effect of a campaign whose days have these ratios to the expected."""
    y = flat(noise=ordinary_noise)
    campaign = events(
        ("Push", "campaign", "2024-03-01", str(pd.Timestamp("2024-02-29") + pd.Timedelta(days=len(ratios))))
    )
    y[pd.DatetimeIndex(campaign["ds"])] = ratios
    found = fx.effect_sizes(y * 50, campaign, "D", pd.Series(50.0, index=y.index), **options)
    assert len(found) == 1
    return found.iloc[0]


def test_a_range_is_that_of_student_with_the_spread_of_ordinary_days_pooled_in() -> None:
    # logs of two days: 0.1 and 0.3, S = 0.02; ordinary days without noise, v = 0; s^2 = 0.02 / (4 + 1)
    found = size_of([float(np.exp(0.1)), float(np.exp(0.3))])
    half = 1.4759 * np.sqrt(0.02 / 5 / 2)  # Student's 90th percentile at 5 degrees of freedom, from a printed table
    assert found["effect"] == pytest.approx(np.expm1(0.2))
    assert found["lo80"] == pytest.approx(np.expm1(0.2 - half), abs=1e-4)
    assert found["hi80"] == pytest.approx(np.expm1(0.2 + half), abs=1e-4)


@pytest.mark.parametrize("days", [3, 4, 5, 12])
def test_one_odd_day_does_not_decide(days: int) -> None:
    usual = list(np.exp(np.log(1.25) + np.linspace(-0.02, 0.02, days)))
    odd = size_of([*usual[:-1], 9.0])
    assert odd["effect"] == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("days", [1, 2, 3, 4, 6, 12])
def test_eight_ranges_in_ten_hold_the_truth(days: int) -> None:
    y = flat(400 * (days + 3), seed=days)
    in_campaign = np.arange(len(y)) % (days + 3) < days
    names = [f"Push {number // (days + 3)}" for number in range(len(y))]
    table = pd.DataFrame({"ds": y.index, "name": names, "kind": "campaign", "known_ahead": True})[in_campaign]
    found = fx.effect_sizes(y * np.where(in_campaign, 1.25, 1), table, "D", pd.Series(1.0, index=y.index))
    held = (found["lo80"] <= 0.25) & (found["hi80"] >= 0.25)
    assert len(held) == 400
    assert 0.76 <= held.mean() <= 0.93  # 0.80 less two standard errors; few days are on the safe side


def test_days_in_a_row_count_for_less_when_neighbours_are_alike_and_years_apart_for_as_many() -> None:
    run = [1.2, 1.25, 1.3, 1.22, 1.28, 1.26] * 20
    wide, narrow = (size_of(run, autocorrelation=rho) for rho in (0.5, 0.0))
    ratio = np.log1p([wide["hi80"], narrow["hi80"]]) - np.log1p(narrow["effect"])
    assert ratio[0] / ratio[1] == pytest.approx(np.sqrt((1 + 0.5) / (1 - 0.5)), rel=0.02)  # 120 days: near the limit
    apart = events(*[("Day", "holiday", f"{year}-06-01", f"{year}-06-01") for year in (2022, 2023, 2024)])
    y = pd.Series(1.0, index=stamps("2022-01-01", "2024-12-31"))
    y[pd.DatetimeIndex(apart["ds"])] = [0.5, 0.6, 0.55]
    first, second = (fx.effect_sizes(y, apart, "D", y * 0 + 1, autocorrelation=rho) for rho in (0.5, 0.0))
    pd.testing.assert_frame_equal(first, second)


def test_a_day_of_two_campaigns_speaks_of_neither_and_an_event_without_a_day_of_its_own_has_none() -> None:
    both = events(
        ("Long", "campaign", "2024-03-01", "2024-03-10"),
        ("Short", "campaign", "2024-03-05", "2024-03-06"),
        ("Feast", "holiday", "2024-03-08", "2024-03-08"),
    )
    y = flat(noise=0)
    found = fx.effect_sizes(y, both, "D", y).set_index("name")
    assert found["days"].to_dict() == {"Long": 7, "Short": 0, "Feast": 0}
    assert found["effect"].isna().to_dict() == {"Long": False, "Short": True, "Feast": True}


def test_a_closure_that_left_nothing_is_minus_one_and_one_that_left_some_is_measured() -> None:
    table = events(("Storm", "closure", "2024-02-01", "2024-02-02"), ("Strike", "closure", "2024-03-01", "2024-03-02"))
    y = flat(noise=0)
    y[table["ds"]] = [0.0, 0.0, 0.3, 0.3]
    found = fx.effect_sizes(y, table, "D", y * 0 + 1).set_index("name")
    assert found.loc["Storm", ["effect", "lo80", "hi80"]].tolist() == [-1, -1, -1]
    assert found.loc["Strike", "effect"] == pytest.approx(-0.7)


def test_the_order_of_rows_does_not_matter_to_sizes_and_inputs_are_untouched() -> None:
    y = flat()
    table = events(("Push", "campaign", "2024-03-01", "2024-03-06"), ("Day", "holiday", "2024-05-06", "2024-05-06"))
    copies = y.copy(), table.copy()
    expected = pd.Series(1.0, index=y.index)
    found = fx.effect_sizes(y, table, "D", expected)
    mixed = fx.effect_sizes(y.sample(frac=1, random_state=1), table[::-1], "D", expected.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(mixed, found)
    pd.testing.assert_series_equal(y, copies[0])
    pd.testing.assert_frame_equal(table, copies[1])


# The sample, whose truth is known


@pytest.fixture(scope="module")
def sample() -> dict[tuple[str, str], pd.Series]:
    demand = pd.read_csv(SAMPLE / "demand.csv")
    ds = pd.to_datetime(demand["ds"], format="ISO8601").dt.normalize().astype("datetime64[us]")
    days = demand.assign(ds=ds).groupby(["site", "service", "ds"])["volume"].sum().astype("float64")
    return {(s.site, s.service): days[s.site, s.service] for s in SERIES}


@pytest.fixture(scope="module")
def sample_events() -> pd.DataFrame:
    return pd.read_csv(SAMPLE / "events.csv")


def expected_without(y: pd.Series, special: pd.DatetimeIndex) -> pd.Series:
    """A plain expectation: median by weekday x a smooth season x the recent level, from ordinary days."""
    logs = np.log(y.where(y > 0)).where(~y.index.isin(special))
    weekday = (logs - logs.rolling(57, center=True, min_periods=10).median()).groupby(y.index.day_of_week).median()
    rest = logs - weekday.reindex(y.index.day_of_week).to_numpy()
    turn = 2 * np.pi * y.index.day_of_year.to_numpy() / 365.25
    waves = np.column_stack([f(k * turn) for k in range(1, 7) for f in (np.sin, np.cos)] + [turn * 0 + 1])
    known = rest.notna().to_numpy()
    season = waves @ np.linalg.lstsq(waves[known], rest.to_numpy()[known], rcond=None)[0]
    level = (rest - season).rolling(91, center=True, min_periods=20).median()
    return np.exp(level + season + weekday.reindex(y.index.day_of_week).to_numpy())


def test_the_effects_planted_in_the_sample_are_recovered(
    sample: dict[tuple[str, str], pd.Series], sample_events: pd.DataFrame
) -> None:
    frames = []
    for planted in TRUTH["series"]:
        key = (planted["site"], planted["service"])
        table = fx.day_effects(sample_events, None, sample[key].index[0], sample[key].index[-1], key[0])
        expected = expected_without(sample[key], pd.DatetimeIndex(table["ds"]))
        found = fx.effect_sizes(sample[key], table, "D", expected)
        truth = {
            campaign["name"]: factor["factor"]
            for campaign in TRUTH["campaigns"]
            for factor in campaign["factors"]
            if (factor["site"], factor["service"]) == key
        }
        of_kind = found["kind"].map({"holiday": planted["holiday"], "closure": 0})
        frames.append(found.assign(truth=of_kind.fillna(found["name"].map(truth)).fillna(1000) / 1000 - 1))
    sizes = pd.concat(frames)
    error = sizes["effect"] - sizes["truth"]
    held = (sizes["lo80"] <= sizes["truth"]) & (sizes["truth"] <= sizes["hi80"])
    half = np.where(error > 0, sizes["effect"] - sizes["lo80"], sizes["hi80"] - sizes["effect"])
    held95 = error.abs() <= 1.6 * half  # a 95 % range is 1.6 times as wide, or a little more
    campaigns = sizes["truth"] > 0
    assert campaigns.sum() == 22
    assert (held95 | (error.abs() <= 0.03)).mean() >= 0.95
    assert error.abs()[campaigns].max() <= 0.05
    assert error.abs()[campaigns].median() <= 0.02
    assert abs(error.mean()) <= 0.01
    assert held.mean() >= 0.75


@pytest.mark.parametrize(
    ("site", "service"), [(s.site, s.service) for s in SERIES if s.site != "Dublin" and s.service != "Contacts"]
)
def test_the_level_shifts_planted_in_the_sample_are_found_and_no_others(
    sample: dict[tuple[str, str], pd.Series], sample_events: pd.DataFrame, site: str, service: str
) -> None:
    """Against Dublin, whose season and trend are the same and whose level never shifted."""
    y, control = (sample[place, service].where(lambda volume: volume > 0) for place in (site, "Dublin"))
    ratio = np.log(y / control)
    found = fx.level_shifts(ratio[~ratio.index.isin(pd.to_datetime(sample_events["ds"]))])
    planted = [s for s in TRUTH["level_shifts"] if (s["site"], s["service"]) == (site, service)]
    assert len(found) == len(planted)
    for (_, row), true in zip(found.iterrows(), planted, strict=True):
        assert abs(row["ds"] - pd.Timestamp(true["first"])) <= pd.Timedelta(days=3)
        assert np.exp(row["size"]) == pytest.approx(true["factor"] / 1000, abs=0.03)


@pytest.mark.parametrize("key", [(s.site, s.service) for s in SERIES if s.service in ("Parcels", "Order lines")])
def test_the_level_shifts_of_the_sample_are_found_in_the_residuals_of_a_plain_fit(
    sample: dict[tuple[str, str], pd.Series], sample_events: pd.DataFrame, key: tuple[str, str]
) -> None:
    """Weekday, season and a straight trend by least squares, then again with the steps found."""
    y = sample[key]
    logs = np.log(y[(y > 0) & ~y.index.isin(pd.to_datetime(sample_events["ds"]))])
    turn = 2 * np.pi * logs.index.day_of_year.to_numpy() / 365.25
    plain = np.column_stack(
        [f(k * turn) for k in range(1, 7) for f in (np.sin, np.cos)]
        + [logs.index.day_of_week == day for day in range(7)]
        + [np.arange(len(logs))]
    )
    found = fx.level_shifts(logs * 0, trend=True)
    for _ in range(3):
        steps = [logs.index >= ds for ds in found["ds"]]
        fitted = np.linalg.lstsq(np.column_stack([plain, *steps]), logs.to_numpy(), rcond=None)[0]
        found = fx.level_shifts(logs - plain @ fitted[: plain.shape[1]], trend=True)
    planted = [s for s in TRUTH["level_shifts"] if (s["site"], s["service"]) == key]
    assert len(found) == len(planted)
    for (_, row), true in zip(found.iterrows(), planted, strict=True):
        assert abs(row["ds"] - pd.Timestamp(true["first"])) <= pd.Timedelta(days=3)
        assert np.exp(row["size"]) == pytest.approx(true["factor"] / 1000, abs=0.03)


# Level shifts


def test_a_step_in_the_midst_of_noise_is_found_where_it_is_with_its_size_and_z() -> None:
    residuals = pd.Series(np.tile([0.1, -0.1], 50), index=stamps("2024-01-01", "2024-04-09"))
    residuals.iloc[60:] += 1.0
    found = fx.level_shifts(residuals)
    assert found["ds"].tolist() == [residuals.index[60]]
    assert found["size"].iloc[0] == pytest.approx(1.0)
    scale = 1.4826 * 0.2 / np.sqrt(2)  # every difference is 0.2; blocks of ten average to nothing
    assert found["z"].iloc[0] == pytest.approx(1.0 / (scale * np.sqrt(1 / 60 + 1 / 40)))


def test_up_to_three_shifts_are_told_apart_and_gaps_and_order_do_not_matter() -> None:
    residuals = np.log(flat(400, 0.05))
    for place, size in ((100, 0.2), (200, -0.3), (320, 0.25)):
        residuals.iloc[place:] += size
    found = fx.level_shifts(residuals)
    distance = [abs((ds - residuals.index[at]).days) for ds, at in zip(found["ds"], (100, 200, 320), strict=True)]
    assert max(distance) <= 2
    assert found["size"].tolist() == pytest.approx([0.2, -0.3, 0.25], abs=0.03)
    assert len(fx.level_shifts(residuals, at_most=2)) == 2
    gaps = residuals.where(residuals.index.day_of_week < 5).sample(frac=1, random_state=1)
    assert len(fx.level_shifts(gaps)) == 3


def test_a_step_that_a_fitted_line_took_up_in_part_is_found_whole_beside_the_line() -> None:
    residuals = np.log(flat(600, 0.05))
    residuals.iloc[250:] -= 0.15
    at = np.arange(600)
    detrended = residuals - np.polyval(np.polyfit(at, residuals, 1), at)
    found = fx.level_shifts(detrended, trend=True)
    assert len(found) == 1
    assert abs((found["ds"].iloc[0] - residuals.index[250]).days) <= 3
    assert found["size"].iloc[0] == pytest.approx(-0.15, abs=0.03)
    steeper = fx.level_shifts(residuals + 0.001 * at, trend=True)  # whatever the line
    pd.testing.assert_frame_equal(steeper, found)


def test_noise_alone_and_noise_with_memory_have_no_shift_more_often_than_one_time_in_twenty() -> None:
    alarms = 0
    for seed in range(100):
        noise = np.random.default_rng(seed).normal(0, 0.05, 500)
        for today in range(1, 500):
            noise[today] += 0.3 * noise[today - 1]
        alarms += len(fx.level_shifts(pd.Series(noise, index=pd.date_range("2024-01-01", periods=500)))) > 0
    assert alarms <= 5


def test_a_few_odd_days_are_no_shift() -> None:
    residuals = np.log(flat(300, 0.05))
    residuals.iloc[[200, 220, 240, 260, 280, 290]] -= 2
    assert fx.level_shifts(residuals).empty


def test_a_segment_shorter_than_two_weeks_or_six_months_is_no_level() -> None:
    days = np.log(flat(100, 0.01))
    days.iloc[-13:] += 1
    assert (fx.level_shifts(days)["ds"] <= days.index[-14]).all()
    months = pd.Series(np.tile([0.01, -0.01], 18), index=stamps("2021-01-01", "2023-12-01", "MS"))
    assert fx.level_shifts(months[:11], "MS").empty
    months.iloc[20:] += 0.3
    assert fx.level_shifts(months, "MS")["ds"].tolist() == [pd.Timestamp("2022-09-01")]


# What if


def plan(*rows: tuple[str, str, str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["name", "kind", "first", "last", "like"])


KNOWN = events(
    ("Spring 2025", "campaign", "2025-04-08", "2025-04-19"), ("Autumn 2025", "campaign", "2025-09-07", "2025-09-20")
)


def test_a_planned_campaign_stands_in_the_table_and_acts_as_the_one_it_is_like() -> None:
    planned = plan(("Summer 2026", "campaign", "2026-07-01", "2026-07-03", "Spring 2025"))
    table = fx.what_if(KNOWN, planned)
    added = table[table["name"] == "Summer 2026"]
    assert added["ds"].tolist() == list(stamps("2026-07-01", "2026-07-03"))
    assert added["known_ahead"].all()
    assert len(table) == len(KNOWN) + 3
    found = fx.regressors(fx.seen_at(table, pd.Timestamp("2026-06-30")), stamps("2025-01-01", "2026-06-30"))
    assert set(found.loc[found["ds"] > "2026-06-30", "holiday"]) == {"Spring"}
    without = fx.what_if(KNOWN, planned.assign(like=None))
    found = fx.regressors(without, stamps("2025-01-01", "2026-06-30"))
    assert set(found.loc[found["ds"] > "2026-06-30", "holiday"]) == {"Autumn"}


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        pytest.param(
            ("A", "campaign", "2026-07-03", "2026-07-01", ""), "before it begins on 2026-07-03", id="backwards"
        ),
        pytest.param(
            ("A", "campaign", "2026-07-01", "2026-07-03", "Sprig 2025"), "did you mean 'Spring 2025'", id="misspelt"
        ),
        pytest.param(("A", "closure", "2026-07-01", "2026-07-03", "Storm"), "no past closure", id="no such kind"),
        pytest.param(("A", "holiday", "2026-07-01", "2026-07-03", ""), "a campaign or a closure", id="holiday"),
        pytest.param(("", "campaign", "2026-07-01", "2026-07-03", ""), "no name", id="nameless"),
        pytest.param(("A", "campaign", "1st of July", "2026-07-03", ""), "write it as YYYY-MM-DD", id="no day"),
        pytest.param(("Spring 2025", "campaign", "2025-04-19", "2025-04-20", ""), "2025-04-19 already", id="taken"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_a_sentence(row: tuple[str, str, str, str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        fx.what_if(KNOWN, plan(row))


def test_a_plan_without_its_columns_or_twice_on_one_day_is_refused() -> None:
    with pytest.raises(ValueError, match="lack last"):
        fx.what_if(KNOWN, plan().drop(columns="last"))
    twice = plan(("A", "campaign", "2026-07-01", "2026-07-05", ""), ("A", "campaign", "2026-07-05", "2026-07-06", ""))
    with pytest.raises(ValueError, match="'A' is planned twice"):
        fx.what_if(KNOWN, twice)


FORECAST = pd.DataFrame({"ds": stamps("2026-07-01", "2026-07-10"), "yhat": 100.0, "lo80": 80.0, "hi80": 125.0})
SIZES = pd.DataFrame(
    {"name": ["Spring 2025"], "kind": "campaign", "days": 12, "effect": [0.25], "lo80": [0.2], "hi80": [0.3]}
)


def test_a_campaign_multiplies_its_days_and_widens_them_by_its_own_range() -> None:
    result = fx.apply_what_if(FORECAST, SIZES, plan(("A", "campaign", "2026-07-02", "2026-07-03", "Spring 2025")))
    assert result.days["ds"].tolist() == list(stamps("2026-07-02", "2026-07-03"))
    day = result.days.iloc[0]
    assert (day["name"], day["before"], day["yhat"]) == ("A", 100.0, 125.0)
    assert day["effect"] == pytest.approx(0.25)
    assert day["lo80"] == pytest.approx(125 * np.exp(-np.hypot(np.log(100 / 80), np.log(1.25 / 1.2))))
    assert day["hi80"] == pytest.approx(125 * np.exp(np.hypot(np.log(125 / 100), np.log(1.3 / 1.25))))
    # the change of 2 x 25: the forecast at its ends makes 2 x 20 and 2 x 31.25, the effect 2 x 20 and 2 x 30
    assert result.change == pytest.approx(50)
    assert result.lo80 == pytest.approx(50 - np.hypot(10, 10))
    assert result.hi80 == pytest.approx(50 + np.hypot(12.5, 10))


def test_a_closure_leaves_nothing_whatever_else_was_planned() -> None:
    planned = plan(
        ("A", "campaign", "2026-07-02", "2026-07-03", "Spring 2025"),
        ("Move", "closure", "2026-07-03", "2026-07-03", ""),
    )
    result = fx.apply_what_if(FORECAST, SIZES, planned)
    last = result.days.iloc[-1]
    assert (last["name"], last["yhat"], last["lo80"], last["hi80"]) == ("A + Move", 0, 0, 0)
    assert result.change == pytest.approx(25 - 100)


def test_what_is_not_planned_does_not_change_and_rows_may_come_in_any_order() -> None:
    planned = plan(
        ("A", "campaign", "2026-07-02", "2026-07-04", "Spring 2025"),
        ("B", "campaign", "2026-07-04", "2026-07-05", "Spring 2025"),
    )
    result = fx.apply_what_if(FORECAST, SIZES, planned)
    other = fx.apply_what_if(FORECAST[::-1], SIZES, planned[::-1])
    pd.testing.assert_frame_equal(result.days, other.days)
    assert result.change == other.change
    assert result.days["yhat"].tolist() == pytest.approx([125, 125, 156.25, 125])
    assert (result.days["lo80"] <= result.days["yhat"]).all()
    assert fx.apply_what_if(FORECAST, SIZES, plan()).change == 0


def test_a_closed_day_without_a_forecast_row_changes_nothing() -> None:
    open_days = FORECAST[FORECAST["ds"] != "2026-07-05"]
    planned = plan(("A", "campaign", "2026-07-04", "2026-07-06", "Spring 2025"))
    assert fx.apply_what_if(open_days, SIZES, planned).change == pytest.approx(50)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        pytest.param(
            ("A", "campaign", "2026-07-09", "2026-07-12", "Spring 2025"), "outside the forecast", id="outside"
        ),
        pytest.param(("A", "campaign", "2026-07-01", "2026-07-02", ""), "has no `like`", id="nothing to go by"),
        pytest.param(("A", "campaign", "2026-07-01", "2026-07-02", "Spring"), "'Spring 2025'", id="misspelt"),
    ],
)
def test_a_plan_without_a_measured_effect_is_refused(row: tuple[str, str, str, str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        fx.apply_what_if(FORECAST, SIZES, plan(row))


def test_an_effect_that_was_never_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="was not measured"):
        fx.apply_what_if(
            FORECAST,
            SIZES.assign(effect=np.nan),
            plan(("A", "campaign", "2026-07-01", "2026-07-02", "Spring 2025")),
        )


# Closed days


def test_demand_that_comes_every_fifteen_days_leaves_no_weekday_closed() -> None:
    days = stamps("2025-01-01", "2025-12-31")
    y = pd.Series(np.where(np.arange(365) % 15 == 0, 40.0, 0.0), days)
    closed, _ = fx.closed_calendar(y, fx.no_effects(), stamps("2026-01-01", "2026-01-28"))
    assert not closed.any()


def test_a_weekday_without_demand_is_closed_and_a_holiday_like_those_before() -> None:
    days = stamps("2024-01-01", "2025-12-24")
    irish = holidays("2024-01-01", "2026-12-31")
    shut = (days.day_of_week == 6) | days.isin(irish["ds"])
    closed, writes_zero = fx.closed_calendar(
        pd.Series(np.where(shut, 0.0, 9.0), days), irish, stamps("2025-12-25", "2025-12-28")
    )
    assert closed.tolist() == [True, True, False, True]  # Christmas, St Stephen's Day, Saturday, Sunday
    assert writes_zero
