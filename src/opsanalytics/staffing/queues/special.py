"""The two functions that every queue here rests on, for real arguments of any size.

`poisson` is the Poisson probability continued to real counts, and `waiting` sums the states of a
queue in which people lose patience. Both are worked in logarithms, in a form in which nothing
large is subtracted from anything large, so that they hold from 1e-6 to 1e6 erlangs and for
patience from zero to practically for ever.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from opsanalytics.staffing.numbers import Array, arrays

_LOG_ROOT_TWO_PI = 0.5 * np.log(2 * np.pi)
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
_TERMS = 64
_NODES, _WEIGHTS = np.polynomial.laguerre.laggauss(40)


def log_poisson(count: Array, mean: Array) -> Array:
    """Log of mean**count * exp(-mean) / Gamma(count + 1), for real counts >= 0 and means >= 0.

    Large counts go by the saddle point (C. Loader, "Fast and accurate computation of binomial
    probabilities", 2000): the distance from the mean and a small Stirling remainder, never the
    difference of two huge logarithms.
    """
    count, mean = arrays(count, mean)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        direct = special.xlogy(count, mean) - mean - special.gammaln(count + 1)
        excess = (mean - count) / count
        growth = np.where(np.abs(excess) < 0.5, np.log1p(excess), np.log(mean / count))
        distance = np.where(mean > 0, count * (excess - growth), np.inf)
        saddle = -distance - _stirling_remainder(count) - 0.5 * np.log(count) - _LOG_ROOT_TWO_PI
    return np.asarray(np.where(count < 16, direct, saddle), dtype=np.float64)


def _stirling_remainder(count: Array) -> Array:
    inverse = 1 / np.maximum(count, 16.0)
    total, power = np.zeros_like(inverse), inverse
    for coefficient in _STIRLING:
        total = total + coefficient * power
        power = power * inverse * inverse
    return total


def log_upper_ratio(count: Array, mean: Array) -> Array:
    """Log of P(N <= count) / P(N = count) for a Poisson N of this mean: minus the log of Erlang B.

    Where the tail would underflow (many times more load than agents) it is the continued fraction
    of the incomplete gamma function (Abramowitz & Stegun 6.5.31), which then converges at once.
    """
    count, mean = arrays(count, mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        tail = special.gammaincc(count + 1, mean)
        result = np.array(np.log(tail) - log_poisson(count, mean))
    deep = (tail < 1e-200) & (mean > count)
    if deep.any():
        result[deep] = np.log(_tail_fraction(count[deep], mean[deep]))
    return result


def _tail_fraction(count: Array, mean: Array) -> Array:
    """Return exp(mean) * mean**-count * Gamma(count + 1, mean) by the modified Lentz method."""
    order = count + 1
    term = mean + 1 - order
    outer = np.full_like(mean, 1e300)
    inner = 1 / term
    value = inner.copy()
    for step in range(1, 400):
        numerator = -step * (step - order)
        term = term + 2
        inner = 1 / (numerator * inner + term)
        outer = term + numerator / outer
        change = inner * outer
        value = value * change
        if np.all(np.abs(change - 1) < 1e-15):
            break
    return value * mean


def waiting(capacity: Array, pressure: Array) -> tuple[Array, Array]:
    """Sum the waiting states of a queue with patience: (log A, U).

    With `capacity` x = agents * patience / handling time and `pressure` y = load * patience /
    handling time, A = 1 + y/(x+1) + y^2/((x+1)(x+2)) + ... = 1F1(1; x+1; y) weighs the states with
    everybody busy (Palm 1957; Mandelbaum & Zeltyn 2007), and U = d(log A)/dy is the share of those
    who have to wait that lose patience. Three ways, each where it is exact: the series, the
    incomplete gamma function, and, where that would cancel or underflow (long patience and agents to
    spare), Gauss-Laguerre integration of the density of the offered wait.
    """
    x, y = arrays(capacity, pressure)
    log_sum, share = np.zeros(x.shape), np.zeros(x.shape)
    series = y <= 0.5 * (x + 4)
    deep = ~series & (x - y > 8 * np.sqrt(x))
    for region, method in ((series, _by_series), (deep, _by_laguerre), (~series & ~deep, _by_gamma)):
        if region.any():
            log_sum[region], share[region] = method(x[region], y[region])
    return log_sum, share


def _by_series(x: Array, y: Array) -> tuple[Array, Array]:
    term, total, slope = np.ones_like(x), np.ones_like(x), np.zeros_like(x)
    for j in range(1, _TERMS):
        term = term / (x + j)  # y**(j-1) / ((x+1)...(x+j))
        slope = slope + j * term
        term = term * y
        total = total + term
        if np.all(term < 1e-18 * total):
            break
    return np.log(total), slope / total


def _by_gamma(x: Array, y: Array) -> tuple[Array, Array]:
    log_sum = np.log(special.gammainc(x, y)) - log_poisson(x, y)
    return log_sum, (y - x + x * np.exp(-log_sum)) / y


def _by_laguerre(x: Array, y: Array) -> tuple[Array, Array]:
    room = (x - y)[..., None]
    lost = np.minimum(_NODES / room, 0.999999)  # 1 - exp(-offered wait / patience)
    weight = _WEIGHTS * np.exp((x[..., None] - 1) * (np.log1p(-lost) + lost) + lost)
    total = weight.sum(axis=-1)
    return np.log(x / room[..., 0] * total), (weight * lost).sum(axis=-1) / total
