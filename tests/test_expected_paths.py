"""Mean errors on random shortest paths in closed form."""

from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

import binland as bl
from binland.expected_paths import bounds
from binland.kernels.expected_paths import positive_into
from tests.naive import machine as naive
from tests.problems import problems, signs


def apart(solution, flips, rng):
    """The solution with so many weights flipped."""
    weights = solution.weights.copy()
    weights.reshape(-1)[rng.permutation(weights.size)[:flips]] *= -1
    return bl.Solution(solution.machine, weights)


@settings(max_examples=40)
@given(problems(max_inputs=6, max_hidden=5, max_patterns=6), st.integers(0, 7))
def test_expected_errors_equal_enumeration(problem, flips):
    start, patterns = problem.solution(), problem.patterns
    end = apart(start, flips, problem.rng)
    found = bl.expected_path(start, end, patterns, points=100)
    data = problem.outputs, patterns.inputs, patterns.labels
    expected = naive.expected_path_errors(start.units, end.units, *data)
    assert found.steps.tolist() == list(range(len(expected)))
    assert found.error_counts == pytest.approx([float(mean) for mean in expected], abs=1e-9)


@settings(max_examples=25)
@given(problems(max_inputs=20, max_hidden=5, max_patterns=10), st.integers(2, 9))
def test_ends_are_exact_and_reversal_reverses(problem, points):
    start, end, patterns = problem.solution(), problem.solution(), problem.patterns
    path = bl.expected_path(start, end, patterns, points)
    assert path.error_counts[0] == start.error_count(patterns)
    assert path.error_counts[-1] == end.error_count(patterns)
    assert path.length == np.count_nonzero(start.weights != end.weights)
    assert len(path.steps) == min(points, path.length + 1)
    assert np.all(np.diff(path.steps) > 0)
    back = bl.expected_path(end, start, patterns, path.length + 2).error_counts[::-1]
    assert path.error_counts == pytest.approx(back[path.steps], abs=1e-9)
    assert path.max_of_mean == path.errors.max()


MACHINES = [
    bl.Perceptron(301),
    bl.Perceptron(100),
    bl.CommitteeMachine(101, 15),
    bl.CommitteeMachine(50, 8, (1, -1, 1, 1, -1, 1, 1, 1)),
    bl.CommitteeMachine(31, 2),
]


@pytest.mark.parametrize("machine", MACHINES, ids=str)
def test_expected_errors_agree_with_sampled_orders(machine):
    train = bl.HiddenManifold(machine.n_inputs, 41, seed=1).sample(150, seed=2)
    a, b = (bl.fit(machine, train, bl.SGD(epochs=20), seed) for seed in (3, 4))
    exact = bl.expected_path(a, b, train, points=11)
    counts = np.array([bl.shortest_path(a, b, train, seed).error_counts[exact.steps] for seed in range(1500)])
    error = counts.std(axis=0, ddof=1)[1:-1] / np.sqrt(1500)
    deviation = np.abs(counts.mean(axis=0) - exact.error_counts)[1:-1]
    assert np.all(deviation < 4.5 * error)  # 45 comparisons in all at 7e-6 each: false alarm rate 3e-4; seeds are fixed
    assert np.all(error > 0)


@pytest.mark.parametrize("machine", [bl.Perceptron(101), bl.CommitteeMachine(101, 5)], ids=str)
def test_the_way_to_the_opposite_is_the_local_energy(machine):
    """All weights differ: what remains is another closed form."""
    train = bl.Patterns.random(30, 101, seed=0)
    start = bl.Solution(machine, signs(np.random.default_rng(0), machine.weight_shape))
    path = bl.expected_path(start, bl.Solution(machine, -start.weights), train, points=5)
    energy = bl.local_energy(start, train, path.fractions, method="exact").mean
    assert path.errors - path.errors[0] == pytest.approx(energy, abs=1e-9)


@pytest.mark.parametrize("d", [1, 2, 40, 301])
def test_laws_of_a_field_are_hypergeometric(d):
    rng = np.random.default_rng(d)
    agreeing, fields = rng.integers(0, d + 1, 30), rng.integers(-d - 9, d + 9, 30)
    out = np.empty((d + 1, 30))
    positive_into(d, agreeing, fields, gammaln(np.arange(d + 2) + 1.0), out)
    for u, (a, f) in enumerate(zip(agreeing.tolist(), fields.tolist(), strict=True)):
        for m in {0, 1, d // 3, d - 1, d}:
            ways = sum(comb(a, k) * comb(d - a, m - k) for k in range(m + 1) if f + 2 * m - 4 * k >= 0)
            assert out[m, u] == pytest.approx(float(Fraction(ways, comb(d, m))), abs=1e-11)


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.9])
def test_terms_that_are_left_out_are_below_their_bound(p):
    """Units of up to 90 flips, by the sum over all numbers of flips up and down."""
    angles = np.linspace(0, np.pi, 40)
    largest = np.ones(40)
    groups, flips = 0, []
    for up, down, limit in [(45, 40, 0), (33, 50, 3), (7, 4, 1), (1, 0, 0), (64, 64, -2)]:
        parts = np.zeros((2, 40), complex)
        laws = [[comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)] for n in (up, down)]
        for k, j in product(range(up + 1), range(down + 1)):
            parts[int(k - j <= limit)] += laws[0][k] * laws[1][j] * np.exp(1j * angles * (k + j))
        largest *= np.abs(parts).sum(axis=0)
        groups, flips = groups + min(up, down) // 32, [*flips, up + down]
    bound = bounds(angles, p, np.array(flips), groups)
    assert np.all(largest <= bound * (1 + 1e-12))
    assert bound[0] == pytest.approx(1)
    assert bound.min() < 0.1 or p < 0.05  # and of use


def test_a_path_between_equal_solutions_is_a_point():
    solution = bl.Solution(bl.CommitteeMachine(9, 3), signs(np.random.default_rng(0), (3, 9)))
    patterns = bl.Patterns.random(20, 9, seed=0)
    path = bl.expected_path(solution, solution, patterns)
    assert path.error_counts.tolist() == [solution.error_count(patterns)]
    assert (path.steps.tolist(), path.fractions.tolist(), path.length) == ([0], [0.0], 0)


@pytest.mark.parametrize(
    ("points", "patterns", "message"),
    [
        (1, bl.Patterns.random(5, 9, 0), "points=1 is not an integer of at least 2"),
        (2.5, bl.Patterns.random(5, 9, 0), "points=2.5"),
        (5, bl.Patterns.random(5, 8, 0), "has 9 inputs but the patterns have 8"),
        (5, None, "NoneType given where Patterns"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(points, patterns, message):
    a, b = (bl.Solution(bl.Perceptron(9), np.full(9, sign)) for sign in (1, -1))
    with pytest.raises(ValueError, match=message) as caught:
        bl.expected_path(a, b, patterns, points)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="different machines"):
        bl.expected_path(a, bl.Solution(bl.Perceptron(3), [1, 1, 1]), bl.Patterns.random(5, 9, 0))
