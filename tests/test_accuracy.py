"""Accuracy: each score against the obvious one-liner and against arithmetic by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from opsanalytics import accuracy

NAN = float("nan")
SERIES = arrays(np.float64, st.just(12), elements=st.floats(0.5, 1e6))


@given(SERIES, SERIES)
def test_scores_equal_their_one_liners(y: np.ndarray, f: np.ndarray) -> None:
    assert accuracy.wape(y, f) == pytest.approx(sum(abs(y - f)) / sum(abs(y)))
    assert accuracy.bias(y, f) == pytest.approx((sum(f) - sum(y)) / sum(y), abs=1e-9)
    assert accuracy.smape(y, f) == pytest.approx(
        np.mean([200 * abs(a - b) / (a + b) for a, b in zip(y, f, strict=True)])
    )
    assert accuracy.pinball(y, f, 0.5) == pytest.approx(np.mean(abs(y - f)) / 2)
    assert accuracy.coverage(y, f, f + 10) == pytest.approx(
        np.mean([b <= a <= b + 10 for a, b in zip(y, f, strict=True)])
    )


@given(SERIES)
def test_a_perfect_forecast_scores_zero(y: np.ndarray) -> None:
    assert accuracy.wape(y, y) == accuracy.smape(y, y) == accuracy.pinball(y, y, 0.9) == accuracy.bias(y, y) == 0
    assert accuracy.coverage(y, y, y) == 1


def test_mase_is_the_error_in_units_of_the_seasonal_naive() -> None:
    # seasonal steps of the training: |3-1|, |6-2| -> mean 3; errors 1 and 2 -> mean 1.5
    assert accuracy.mase([10, 10], [11, 8], [1, 2, 3, 6], season=2) == pytest.approx(0.5)


def test_mase_leaves_out_differences_with_a_gap() -> None:
    assert accuracy.mase([5], [3], [1, NAN, 3, 5], season=1) == pytest.approx(2 / 2)


def test_pinball_weighs_the_side_of_the_error() -> None:
    assert accuracy.pinball([10], [8], 0.9) == pytest.approx(1.8)
    assert accuracy.pinball([8], [10], 0.9) == pytest.approx(0.2)


def test_bias_above_zero_is_a_forecast_too_high() -> None:
    assert accuracy.bias([10, 10], [12, 10]) == pytest.approx(0.1)


def test_smape_runs_from_0_to_200_and_two_zeros_are_perfect() -> None:
    assert accuracy.smape([0], [5]) == 200
    assert accuracy.smape([0], [0]) == 0


def test_a_pair_with_a_missing_value_is_left_out() -> None:
    assert accuracy.wape([10, NAN, 10], [9, 5, NAN]) == pytest.approx(0.1)
    assert accuracy.coverage([1, 2, NAN], [0, NAN, 0], [2, 3, 1]) == 1


@pytest.mark.parametrize(
    "score",
    [
        pytest.param(accuracy.wape([], []), id="no pair"),
        pytest.param(accuracy.smape([NAN], [1]), id="nothing but missing"),
        pytest.param(accuracy.wape([0, 0], [1, 1]), id="nothing to be a share of"),
        pytest.param(accuracy.mase([1], [2], [3, 3, 3]), id="training that never changes"),
        pytest.param(accuracy.mase([1], [2], [3, 4], season=12), id="training shorter than the season"),
        pytest.param(accuracy.coverage([NAN], [0], [1]), id="no actual"),
    ],
)
def test_a_score_without_a_meaning_is_nan(score: float) -> None:
    assert math.isnan(score)


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"differ in length: 2, 3"):
        accuracy.wape([1, 2], [1, 2, 3])


@pytest.mark.parametrize("quantile", [0, 1, -0.1, 5])
def test_a_quantile_outside_0_and_1_is_refused(quantile: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        accuracy.pinball([1], [1], quantile)


def test_a_season_below_one_step_is_refused() -> None:
    with pytest.raises(ValueError, match="1 step or more"):
        accuracy.mase([1], [1], [1, 2], season=0)
