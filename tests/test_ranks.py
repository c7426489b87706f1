"""Kendall's correlation of figures against SciPy and against the plain bootstrap of deepbridge."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from binland.plots.ranks import DRAWS, kendall
from deepbridge.connectivity import rank_correlation


@given(st.integers(0, 2**32), st.integers(3, 30), st.integers(1, 6))
def test_the_coefficient_is_that_of_scipy(seed, count, values):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(values, size=count), rng.integers(values + 1, size=count) / 3
    found = kendall(x, y)
    assert found.tau == pytest.approx(stats.kendalltau(x, y).statistic, nan_ok=True)
    assert found.n_solutions == count


@pytest.mark.parametrize("ties", [False, True])
def test_the_interval_is_that_of_samples_drawn_one_by_one(ties):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(25)
    y = 0.7 * x + 0.7 * rng.standard_normal(25)
    x = x.round() if ties else x
    found, expected = kendall(x, y, seed=3), rank_correlation(x, y, seed=3, draws=DRAWS)
    assert (found.low, found.high) == pytest.approx(expected.interval)
    assert found.tau == pytest.approx(expected.value)


def test_infinite_numbers_have_ranks_and_missing_ones_have_none():
    x, y = np.array([-np.inf, -np.inf, 1, 2, np.nan, 5]), np.array([4.0, 3.0, 2.0, 1.0, 0.0, np.nan])
    found = kendall(x, y)
    assert found == kendall(np.array([0.0, 0, 1, 2]), y[:4])
    assert found.tau == pytest.approx(stats.kendalltau([0, 0, 1, 2], y[:4]).statistic)
    assert str(found) == f"τ = {found.tau:.2f} ({found.low:.2f} to {found.high:.2f}), 4 solutions"


@pytest.mark.parametrize(("x", "y"), [([], []), ([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [2, 2, 2])])
def test_what_has_no_ranks_has_no_coefficient(x, y):
    found = kendall(np.array(x, float), np.array(y, float))
    assert np.isnan([found.tau, found.low, found.high]).all()
    assert str(found) == f"{len(x)} solutions: too few for ranks, or all equal"
