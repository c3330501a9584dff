"""The models behind the forecasts: against plain recursions, against Prophet, and on series whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsanalytics.demand.history.prophet import DAYS, MONTHS, prophet_detail
from opsanalytics.demand.models import (
    History,
    combined,
    filled,
    intraday,
    plain,
    pooled,
    seasonal_naive,
    smoothing,
    theta,
)
from opsanalytics.demand.models import days as daily
from opsanalytics.demand.models.additive import design, solve
from opsanalytics.demand.models.history import blocks
from opsanalytics.demand.models.regression import Ask, regressed


def seasonal(steps: int, *, season: int = 12, noise: float = 0.0, growth: float = 0.003, seed: int = 1) -> np.ndarray:
    """Make a positive series: a level that grows, a wave, and noise in proportion."""
    at = np.arange(steps)
    draws = np.random.default_rng(seed).normal(0, noise, steps) if noise else np.zeros(steps)
    return np.asarray(np.exp(6 + growth * at + 0.25 * np.sin(2 * np.pi * at / season) + draws))


def ask(values: np.ndarray, horizon: int, season: int = 12) -> Any:
    return plain(History(values, 0, season), horizon)


# ------------------------------------------------------------------ exponential smoothing


@given(st.integers(20, 40), st.integers(1, 14), st.integers(0, 111), st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_the_filter_is_the_recursion_of_exponential_smoothing(
    length: int, horizon: int, number: int, seed: int
) -> None:
    """The errors and forecasts from given first states are those of the additive model with a damped trend."""
    rng = np.random.default_rng(seed)
    values, season = rng.normal(size=length), 12
    grid = smoothing.GRIDS[12]
    known = smoothing.filters(length, horizon, season, grid)
    residual, bare = (part[number, :, 0] for part in smoothing.run(values[:, None], season, horizon, grid))
    level, trend, damping, own = grid.constants()[number]
    first = rng.normal(size=2 + season)
    first[1] *= damping > 0
    at, slope, ring, errors = first[0], first[1], first[2:].copy(), []
    for step, value in enumerate(values):
        fit = at + damping * slope
        errors.append(value - fit - ring[step % season])
        at, slope = fit + level * errors[-1], damping * slope + trend * errors[-1]
        ring[step % season] += own * errors[-1]
    ahead = []
    for step in range(horizon):
        slope *= damping
        at += slope
        ahead.append(at + ring[(length + step) % season])
    assert residual - known.states[number] @ first == pytest.approx(np.array(errors), abs=1e-9)
    assert bare + known.later[number] @ first == pytest.approx(np.array(ahead), abs=1e-9)


def test_the_weights_learned_from_a_panel_add_up_and_follow_the_likely() -> None:
    scores = np.array([[0.0, 0.0, 0.0], [-9.0, -9.0, -9.0], [-9.0, -9.0, 0.0]])
    prior = np.exp(smoothing.learned(scores))
    assert prior.sum() == pytest.approx(1)
    assert prior[0] > prior[2] > prior[1]


def test_the_deviation_of_a_random_walk_grows_with_the_root_of_the_horizon() -> None:
    walk = np.cumsum(np.random.default_rng(3).normal(size=200)) + 100
    found = combined([ask(walk, 16, season=1)])[0]
    assert found.deviation[0] == pytest.approx(1, rel=0.25)
    assert found.deviation[15] / found.deviation[0] == pytest.approx(4, rel=0.25)


# ------------------------------------------------------------------ theta


def test_theta_answers_a_line_by_what_its_definition_says() -> None:
    """With theta 1 the trend is flat, with a large one the line runs on: the average lies between."""
    line = np.linspace(100, 159, 60)
    _, block = next(iter(blocks([History(line, 0, 1)], 132)))
    ahead = theta.forecasts(block, 5)[:, 0] * block.size[0]
    assert (ahead > 158).all()
    assert (ahead < line[-1] + np.arange(1, 6)).all()


def test_noise_without_a_season_keeps_hardly_any_seasonal_index() -> None:
    draws = 100 + np.random.default_rng(5).normal(0, 5, (96, 40))
    _, block = next(iter(blocks([History(column, 0, 12) for column in draws.T], 132)))
    raw = np.ptp(draws.reshape(8, 12, 40).mean(axis=0) / 100, axis=0).mean()
    kept = np.ptp(theta._seasonal_indices(block), axis=0).mean()
    assert kept < 0.2 * raw


# ------------------------------------------------------------------ the additive model and Prophet


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_prophet_and_the_direct_solution_agree_on_months(seed: int) -> None:
    stamps = pd.date_range("2015-01-01", periods=108, freq="MS").as_unit("us")
    y = pd.Series(seasonal(108, noise=0.05, seed=seed), stamps)
    detail = prophet_detail(y, "MS")
    values = np.log(y.to_numpy())
    centre, size = values.mean(), np.abs(values - values.mean()).max()
    trend, waves, bends = design(108, 1, MONTHS, 12.0)
    columns = np.hstack([trend, waves])[:108]
    priors = np.full(columns.shape[1], MONTHS.season_prior)
    found = solve(columns, ((values - centre) / size)[:, None], bends, MONTHS.change_prior, priors)[:, 0]
    fitted = np.exp(columns @ found * size + centre)
    off = np.abs(fitted / detail.parts["fitted"].to_numpy() - 1)
    assert np.median(off) < 0.002
    assert off.max() < 0.01


def test_prophet_and_the_direct_solution_agree_on_days_with_a_holiday() -> None:
    stamps = pd.date_range("2024-01-01", periods=400, freq="D").as_unit("us")
    week = np.tile([1.2, 1.1, 1.0, 1.0, 1.0, 0.7, 0.5], 58)[:400]
    y = pd.Series(300 * week * np.exp(np.random.default_rng(2).normal(0, 0.03, 400)), stamps)
    party = stamps[[50, 150, 250, 350]]
    y[party] *= 1.4
    detail = prophet_detail(y, "D", pd.DataFrame({"holiday": "party", "ds": party}))
    flat = DAYS.change_prior
    values = np.log(y.to_numpy())
    centre, size = values.mean(), np.abs(values - values.mean()).max()
    trend, waves, bends = design(400, 1, DAYS, 7.0)
    effect = stamps.isin(party).astype(float)[:, None]
    columns = np.hstack([trend[:400], waves[:400], effect])
    found = solve(columns, ((values - centre) / size)[:, None], bends, flat, np.ones(columns.shape[1]))[:, 0]
    fitted = np.exp(columns @ found * size + centre)
    assert np.median(np.abs(fitted / detail.parts["fitted"].to_numpy() - 1)) < 0.003


def test_prophet_shows_where_a_trend_breaks() -> None:
    at = np.arange(96)
    y = np.exp(6 + 0.02 * np.minimum(at, 48) + 0.2 * np.sin(2 * np.pi * at / 12))
    detail = prophet_detail(pd.Series(y, pd.date_range("2016-01-01", periods=96, freq="MS").as_unit("us")), "MS")
    falls = detail.changes[detail.changes["change"] < -0.05]
    assert len(falls) >= 1
    assert falls["ds"].between(pd.Timestamp("2019-01-01"), pd.Timestamp("2021-01-01")).all()


def test_intervals_within_the_day_are_not_for_prophet() -> None:
    detail = prophet_detail(pd.Series(1.0, pd.date_range("2026-01-01", periods=100, freq="h")), "h")
    assert "months, weeks or days" in detail.note
    assert detail.parts.empty


# ------------------------------------------------------------------ effects


def test_a_planted_campaign_is_found_taken_out_and_brought_back() -> None:
    steps, horizon = 96, 6
    effect = np.zeros((steps + horizon, 1))
    effect[[10, 25, 40, 62, 80, 99]] = 1.0
    values = seasonal(steps, noise=0.02) * np.exp(0.3 * effect[:steps, 0])
    found = regressed(Ask(History(values, 0, 12), horizon, effect, np.empty(0), np.ones(steps, dtype=bool)))
    assert found.factors
    assert found.effects[99] == pytest.approx(np.exp(0.3), rel=0.05)
    assert found.effects[98] == 1.0
    assert found.history.values * found.effects[:steps] == pytest.approx(values)
    assert found.ahead(np.ones(horizon))[3] == found.effects[99]


def test_what_never_happened_has_no_effect() -> None:
    effect = np.zeros((66, 1))
    effect[63] = 1.0
    values = seasonal(60)
    found = regressed(Ask(History(values, 0, 12), 6, effect, np.empty(0), np.ones(60, dtype=bool)))
    assert (found.effects == 1.0).all()
    assert found.history.values is values


# ------------------------------------------------------------------ learning from a panel


def test_a_panel_teaches_its_shape_to_a_series_too_short_to_show_it() -> None:
    panel = [History(seasonal(72, noise=0.02, seed=seed), 0, 12) for seed in range(20)]
    short = History(seasonal(26, noise=0.02, seed=99), 0, 12)
    answers = pooled.forecasts([*panel, short], 12)
    assert answers is not None
    assert np.abs(np.log(answers[-1] / seasonal(38)[26:])).mean() < 0.05


def test_a_small_panel_teaches_nothing() -> None:
    assert pooled.forecasts([History(seasonal(72, seed=seed), 0, 12) for seed in range(5)], 12) is None
    assert daily.pooled([History(seasonal(200, season=7), 0, 7)] * 4, 14) == {}


# ------------------------------------------------------------------ days and hours


def test_a_single_wild_day_is_pulled_in_and_the_others_stay() -> None:
    values = np.tile([5.0, 4.0, 4.0, 4.0, 4.0, 2.0, 1.0], 20) * 20 + np.random.default_rng(1).normal(0, 1, 140)
    wild = values.copy()
    wild[70] = 900.0
    cleaned = daily.without_outliers(History(wild, 0, 7)).values
    assert cleaned[70] < 110
    assert np.delete(cleaned, 70) == pytest.approx(np.delete(wild, 70), abs=3)


def test_busy_days_of_a_series_that_is_mostly_zero_are_no_outliers() -> None:
    values = np.where(np.arange(140) % 10 == 0, 50.0, 0.0)
    assert (daily.without_outliers(History(values, 0, 7)).values == values).all()


@pytest.mark.parametrize("panel", [1, 6])
def test_a_week_that_comes_again_and_again_comes_again(panel: int) -> None:
    week = 50 + 40 * np.sin(np.arange(168) / 168 * 14 * np.pi) + np.arange(168) % 5
    found = intraday.forecasts([np.tile(week, 6) * (1 + k) for k in range(panel)], 48, 24, 168)
    for k, near in enumerate(found):
        assert near.ahead == pytest.approx(week[:48] * (1 + k), rel=0.02)


def test_hours_that_repeat_exactly_do_not_stop_those_beside_them() -> None:
    week = 50 + 40 * np.sin(np.arange(168) / 168 * 14 * np.pi)
    noisy = [np.tile(week, 6) + np.random.default_rng(k).normal(0, 3, 1008) for k in range(5)]
    found = intraday.forecasts([np.tile(week, 6), *noisy], 48, 24, 168)
    assert found[0].ahead == pytest.approx(week[:48], rel=0.05)


def test_hours_need_two_weeks_and_three_horizons() -> None:
    assert intraday.reach(2 * 168, 168) == 0
    assert intraday.reach(2 * 168 + 3 * 48, 168) == 48


# ------------------------------------------------------------------ histories


def test_a_gap_takes_the_usual_value_of_its_place_at_the_level_of_its_neighbours() -> None:
    values = np.tile([10.0, 20.0, 40.0], 6)
    values[9:] *= 2
    gappy = values.copy()
    gappy[[4, 13]] = np.nan
    found = filled(gappy, 0, 3)
    assert found[4] == pytest.approx(20.0, rel=0.1)
    assert found[13] == pytest.approx(40.0, rel=0.1)
    known = ~np.isnan(gappy)
    assert (found[known] == gappy[known]).all()


def test_a_gap_in_a_seasonal_history_is_filled_to_its_season() -> None:
    truth = seasonal(72, growth=0.0)
    gappy = truth.copy()
    gappy[39] = np.nan
    assert filled(gappy, 0, 12)[39] == pytest.approx(truth[39], rel=0.01)


def test_filled_gaps_do_not_make_a_forecast_look_surer() -> None:
    values = 100 * np.exp(np.random.default_rng(4).normal(0, 0.05, 364))
    recorded = np.arange(364) % 7 < 5  # never on record at the weekend
    history = History(filled(np.where(recorded, values, np.nan), 0, 7), 0, 7)
    asked = Ask(history, 7, np.empty((371, 0)), np.empty(0), recorded)
    assert combined([asked])[0].deviation[:5].mean() == pytest.approx(5.0, rel=0.15)


def test_histories_of_any_length_keep_their_place() -> None:
    series = [seasonal(n, seed=n, noise=0.02) for n in (70, 30, 70, 26, 6, 90)]
    together = combined([ask(values, 6) for values in series])
    assert [len(one.fitted) for one in together] == [len(values) for values in series]
    for values, one in zip(series, together, strict=True):
        assert one.ahead.mean() == pytest.approx(values[-12:].mean(), rel=0.35)


def test_the_naive_month_is_the_latest_one_on_record() -> None:
    stamps = pd.to_datetime(["2024-01-01", "2024-02-01", "2025-02-01", "2025-04-01"])
    train = pd.Series([1.0, 2.0, 3.0, 4.0], index=stamps)
    asked = pd.DatetimeIndex(["2026-01-01", "2026-02-01", "2026-03-01", "2027-04-01"])
    assert seasonal_naive(train, asked, "MS").tolist() == [1.0, 3.0, 2.5, 4.0]
