"""Volumes of Hamming shells: exact ones against brute force, sampled ones within their intervals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import binland as bl
from binland.errors import InvalidInputError
from binland.volumes import clopper_pearson
from tests.naive import flatness as naive
from tests.problems import problems


@settings(max_examples=25, deadline=None)
@given(problems(max_inputs=3, max_hidden=3, max_patterns=6), st.integers(0, 6))
def test_exact_volumes_equal_brute_force(problem, most):
    solution, n, p = problem.solution(), problem.machine.n_weights, problem.patterns.n_patterns
    most = min(most, p)

    def errors(flat):
        return bl.Solution(problem.machine, flat.reshape(problem.machine.weight_shape)).error_count(problem.patterns)

    found = bl.hamming_volume(solution, problem.patterns, np.arange(n + 1) / n, most / p, method="exact")
    expected = naive.hamming_hits(solution.weights.reshape(-1), range(n + 1), errors, most)
    assert found.distances.tolist() == list(range(n + 1))
    assert found.hits.tolist() == expected
    assert found.draws.tolist() == [math.comb(n, k) for k in range(n + 1)]
    if sum(expected):
        assert found.log_volume == pytest.approx(math.log(sum(expected)))
        assert found.log_volume_interval == pytest.approx((found.log_volume, found.log_volume))
    else:
        assert found.log_volume == -math.inf


@pytest.mark.parametrize("machine", [bl.Perceptron(15), bl.CommitteeMachine(5, 3)])
def test_sampled_volumes_hold_the_exact_ones(machine):
    patterns = bl.Patterns.random(8, machine.n_inputs, seed=0)
    solution = bl.fit(machine, patterns, bl.SGD(epochs=50), seed=0)
    fractions = np.arange(6) / 15
    exact = bl.hamming_volume(solution, patterns, fractions, 0.125, method="exact")
    inside = 0
    for seed in range(40):
        found = bl.hamming_volume(solution, patterns, fractions, 0.125, 200, seed, confidence=0.9)
        low, high = found.share_intervals.T
        inside += bool(((low <= exact.shares) & (exact.shares <= high)).all())
        assert found.log_volume_interval[0] <= found.log_volume <= found.log_volume_interval[1]
    assert inside >= 34  # 36 of 40 are expected at least; Clopper-Pearson and Bonferroni hold more


@pytest.mark.parametrize(("hits", "draws"), [(0, 10), (3, 10), (10, 10), (1, 1000), (0, 1)])
def test_intervals_are_those_of_scipy(hits, draws):
    (low, high), expected = clopper_pearson(np.array([hits]), np.array([draws]), 0.05)[0], stats.binomtest(hits, draws)
    assert (low, high) == pytest.approx(tuple(expected.proportion_ci(0.95, method="exact")), rel=1e-9)


def test_shells_without_a_hit_are_empty_but_may_hold_something():
    patterns = bl.Patterns.random(200, 51, seed=0)
    solution = bl.fit(bl.Perceptron(51), patterns, bl.SGD(epochs=5), seed=0)
    found = bl.hamming_volume(solution, patterns, [0.5], 0.0, 100)
    assert found.hits.tolist() == [0]
    assert found.log_volume == -math.inf
    low, high = found.log_volume_interval
    assert low == -math.inf
    upper = 1 - 0.025 ** (1 / 100)
    assert high == pytest.approx(math.log(math.comb(51, 26) * upper))  # 25.5 is rounded to even


def test_equal_distances_count_once_and_in_order():
    patterns = bl.Patterns.random(5, 9, seed=0)
    solution = bl.fit(bl.Perceptron(9), patterns, bl.SGD(epochs=20), seed=0)
    found = bl.hamming_volume(solution, patterns, [0.5, 0.0, 0.45, 0.01], 1.0, 10)
    assert found.distances.tolist() == [0, 4]
    assert found.log_volume == pytest.approx(math.log(1 + math.comb(9, 4)))
    assert found.fractions.tolist() == [0, 4 / 9]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fractions": [1.5]}, "fractions"),
        ({"max_error": -1}, "max_error=-1"),
        ({"realizations": 0}, "realizations=0"),
        ({"method": "guess"}, "method='guess'"),
        ({"confidence": 1}, "confidence=1"),
        ({"method": "exact"}, "at most 28 can be enumerated"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(options, message):
    patterns = bl.Patterns.random(5, 31, seed=0)
    solution = bl.Solution(bl.Perceptron(31), np.ones(31, np.int8))
    with pytest.raises(InvalidInputError, match=message):
        bl.hamming_volume(solution, patterns, **({"fractions": [0.1]} | options))
