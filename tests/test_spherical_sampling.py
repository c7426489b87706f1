"""Instances of the spherical perceptron: sampling, descent, simplices."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

import binland as bl
from binland.errors import InvalidInputError
from binland.kernels.rotations import arcs_into, free_angle, free_length, rotate
from binland.spherical.sampling import autocorrelation_time
from tests.naive import spherical as naive


@st.composite
def rotations(draw):
    """Two weights, patterns at their places, fields, and a margin that holds at first."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    p, scale = draw(st.integers(1, 12)), draw(st.sampled_from([0.1, 1.0, 3.0]))
    first, second, (one, two) = rng.standard_normal(p) * scale, rng.standard_normal(p) * scale, rng.standard_normal(2)
    margin = draw(st.sampled_from([-0.5, 0.0, 0.5]))
    return one, two, first, second, margin + np.abs(rng.standard_normal(p)), margin


@given(rotations())
def test_free_angles_are_those_at_which_every_constraint_holds(rotation):
    starts, ends = np.empty((2, len(rotation[2])))
    count = arcs_into(*rotation, starts, ends)
    assert (np.diff(starts[:count]) >= 0).all()
    angles = np.linspace(0, 2 * math.pi, 20_001)[:-1]
    free = naive.allowed(*rotation, angles)
    inside = np.array([((starts[:count] < angle) & (angle < ends[:count])).any() for angle in angles[::50]])
    assert np.count_nonzero(inside == free[::50]) <= 1 + count  # but for angles at an end
    length = free_length(starts, ends, count)
    assert length == pytest.approx(2 * math.pi * free.mean(), abs=2e-3 * (1 + count))
    for share in (0.0, 0.1, 0.5, 0.77, 1 - 1e-12):
        angle = free_angle(starts, ends, count, share)
        before = 2 * math.pi * np.mean(free & (angles < angle))
        assert before == pytest.approx(share * length, abs=2e-3 * (1 + count))


def test_no_angle_but_the_present_one_is_left_where_rounding_forbids_all():
    starts, ends = np.empty((2, 1))
    count = arcs_into(1.0, 0.0, np.array([1.0]), np.array([0.0]), np.array([1.0]), 1.0, starts, ends)
    assert free_length(starts, ends, count) == 0
    assert free_angle(starts, ends, count, 0.5) in (0.0, 2 * math.pi)


@given(rotations(), st.floats(0, 1, exclude_max=True))
def test_a_rotation_goes_to_a_share_of_the_free_angles(rotation, share):
    one, two, first, second, fields, margin = rotation
    weights, columns, scratch = np.array([one, two]), np.array([first, second]), np.empty((2, len(fields)))
    moved = fields.copy()
    rotate(weights, moved, columns, margin, np.array([0, 1]), np.array([share]), *scratch)
    angles = np.linspace(0, 2 * math.pi, 20_001)[:-1]
    free = naive.allowed(*rotation, angles)
    turned = (math.atan2(weights[1], weights[0]) - math.atan2(two, one)) % (2 * math.pi)
    if turned > 2 * math.pi - 1e-9:
        turned = 0.0
    if 0 < share < 1 - 1e-9:
        assert 2 * math.pi * np.mean(free & (angles < turned)) == pytest.approx(
            share * 2 * math.pi * free.mean(), abs=2e-3 * (1 + len(fields))
        )
    assert moved == pytest.approx(fields + (weights[0] - one) * first + (weights[1] - two) * second, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_a_sweep_keeps_length_fields_and_constraints(n):
    instance = bl.spherical.patterns(20, n, seed=n)
    weights = bl.spherical.solve(instance, -3.5, seed=0).weights.copy()
    columns = np.ascontiguousarray(instance.inputs.T) / math.sqrt(n)
    fields, rng = weights @ columns, np.random.default_rng(0)
    margin, scratch = float(fields.min()) - 0.1, np.empty((2, 20))
    for _ in range(50):
        rotate(weights, fields, columns, margin, rng.permutation(n), rng.random(n // 2), *scratch)
        assert fields.min() > margin - 1e-12
    assert weights @ weights == pytest.approx(n)
    assert fields == pytest.approx(weights @ columns, abs=1e-12)


@pytest.mark.parametrize(
    ("n", "p", "kappa", "spacing"), [(2, 2, 0.0, 8), (3, 2, -0.3, 20), (4, 5, -0.7, 16), (5, 3, 0.1, 80)]
)
def test_samples_are_as_uniform_as_those_of_rejection(n, p, kappa, spacing):
    """16 Kolmogorov-Smirnov tests, each at a level of 1e-5, of samples at least four autocorrelation times apart.

    Chains differ from CPU to CPU, and so do estimates of this time: 1.0 +- 0.04, 2.9 +- 0.4, 1.7 +- 0.4 and 9.7 +- 2.8
    (mean and standard deviation of 20 chains with spacings 8, 12, 8 and 50); a spacing is four times what is three
    standard deviations above, or more.
    """
    instance, count = bl.spherical.patterns(p, n, seed=3), 1200
    exact = naive.uniform_solutions(np.random.default_rng(1), instance.inputs, kappa, count)
    chain = bl.spherical.sample(instance, kappa, count, seed=2, spacing=spacing)
    assert 4 * chain.autocorrelation_time < spacing
    looks = (lambda w: w[:, 0], lambda w: w @ exact[0], lambda w: (w @ instance.inputs.T).min(axis=1), naive_third)
    for look in looks:
        assert ks_2samp(look(chain.weights), look(exact)).pvalue > 1e-5
    other = bl.spherical.sample(instance, kappa + 0.1, count, seed=2, spacing=8)
    assert ks_2samp(looks[2](other.weights), looks[2](exact)).pvalue < 1e-5  # what such a test sees


def naive_third(weights):
    return weights[:, 0] * weights[:, 1] ** 2


def test_equal_seeds_give_equal_chains_of_solutions():
    instance = bl.spherical.patterns(60, 60, seed=0)
    one, two = (bl.spherical.sample(instance, -0.5, 3, seed=5, spacing=10) for _ in range(2))
    other = bl.spherical.sample(instance, -0.5, 3, seed=6, spacing=10)
    assert np.array_equal(one.weights, two.weights)
    assert not np.array_equal(one.weights, other.weights)
    assert (one.burn_in, one.spacing, len(one.overlaps), one.weights.shape) == (20, 10, 50, (3, 60))
    assert [solution.error_count(instance) for solution in one.solutions] == [0, 0, 0]
    assert one.overlaps[29] == pytest.approx(one.weights[0] @ one.start / 60, abs=1e-12)


def test_autocorrelation_times_of_a_known_process():
    """x' = r x + noise: (1 + r) / (1 - r) = 19; within 10 % of 200,000 steps, some 4 standard errors."""
    rng, x, values = np.random.default_rng(0), 0.0, []
    for noise in rng.standard_normal(200_000):
        x = 0.9 * x + noise
        values.append(x)
    assert autocorrelation_time(np.array(values)) == pytest.approx(19, rel=0.1)
    assert math.isnan(autocorrelation_time(np.ones(10)))
    assert math.isnan(autocorrelation_time(np.ones(0)))


SAMPLES = 6  # instances; differences of means are compared with 5 standard errors of these, once in 100 tests or less


@pytest.mark.slow
@pytest.mark.parametrize(("alpha", "kappa"), [(1.0, -0.5), (0.5, 0.0), (0.4, 0.5)])
def test_theory_is_what_samples_have(alpha, kappa):
    """N = 150, six instances, 6 solutions each: overlaps, energies of two and three; 0.01 and 0.002 for 1 / N."""
    found = []
    for k in range(SAMPLES):
        instance = bl.spherical.patterns(round(150 * alpha), 150, seed=k)
        w = bl.spherical.sample(instance, kappa, 6, seed=k, spacing=300).weights
        pairs = [(w[a], w[b]) for a in range(6) for b in range(a)]
        found.append(
            (
                np.mean([a @ b / 150 for a, b in pairs]),
                np.mean([bl.spherical.energies(instance, pair, [0.3, 0.7], kappa + 0.2) for pair in pairs]),
                np.mean([bl.spherical.energies(instance, [*pair, w[0]], [1, 1, 1], kappa) for pair in pairs[1:]]),
            )
        )
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(SAMPLES)
    assert abs(mean[0] - bl.spherical.overlap(alpha, kappa)) < 5 * error[0] + 0.01
    assert abs(mean[1] - bl.spherical.energy(alpha, kappa, [0.3, 0.7], kappa + 0.2)) < 5 * error[1] + 0.002


@pytest.mark.slow
def test_cross_overlaps_are_what_samples_of_two_margins_have():
    """N = 150, alpha = 1, margins -0.5 and 0: 5 standard errors over six instances, and 0.01 for 1 / N."""
    found = []
    for k in range(SAMPLES):
        instance = bl.spherical.patterns(150, 150, seed=k)
        low, high = (bl.spherical.sample(instance, kappa, 6, seed=k, spacing=300).weights for kappa in (-0.5, 0.0))
        found.append(np.mean(low @ high.T) / 150)
    error = np.std(found, ddof=1) / math.sqrt(SAMPLES)
    assert abs(np.mean(found) - bl.spherical.cross_overlap(1.0, -0.5, 0.0)) < 5 * error + 0.01


@pytest.mark.parametrize(("alpha", "kappa"), [(1.0, 0.0), (3.0, -0.5), (0.3, 0.5)])
def test_descent_finds_solutions_well_below_capacity(alpha, kappa):
    instance = bl.spherical.patterns(round(101 * alpha), 101, seed=0)
    solution = bl.spherical.solve(instance, kappa, seed=1)
    assert solution.error_count(instance) == 0
    assert solution.history[-1] == 0 < solution.history[0]
    assert solution.weights @ solution.weights == pytest.approx(101)


def test_descent_says_that_it_has_found_none():
    instance = bl.spherical.patterns(300, 100, seed=0)  # alpha = 3 at kappa = 0: beyond 2
    solution = bl.spherical.solve(instance, 0.0, seed=1, steps=50)
    assert len(solution.history) == 51
    assert solution.history[-1] == solution.error(instance) > 0
    with pytest.raises(InvalidInputError, match=r"start violates .* of 300 constraints"):
        bl.spherical.sample(instance, 0.0, 1, seed=0, start=solution)


def test_points_of_a_simplex():
    instance = bl.spherical.patterns(40, 30, seed=0)
    w = np.random.default_rng(0).standard_normal((3, 30))
    w *= math.sqrt(30) / np.linalg.norm(w, axis=1, keepdims=True)
    shares = np.random.default_rng(1).dirichlet([1, 1, 1], (2, 5))
    points = bl.spherical.barycentre(w, shares)
    assert points.shape == (2, 5, 30)
    assert np.sum(points**2, axis=-1) == pytest.approx(np.full((2, 5), 30.0))
    assert bl.spherical.barycentre(w[:2], [0.7, 0.3]) == pytest.approx(naive.slerp(w[0], w[1], 0.3))
    found = bl.spherical.energies(instance, w, shares, 0.1)
    counted = [[np.mean(instance.inputs @ point / math.sqrt(30) <= 0.1) for point in row] for row in points]
    assert found.tolist() == counted
    solutions = [bl.spherical.Solution(weights, 0.1) for weights in w]
    assert bl.spherical.energies(instance, solutions, shares, 0.1).tolist() == counted
    assert [one.error(instance) for one in solutions] == bl.spherical.energies(instance, w, np.eye(3), 0.1).tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda i: bl.spherical.patterns(0, 3, 0), "n_patterns=0"),
        (lambda i: bl.spherical.Instance(np.full((2, 2), np.nan)), "not finite numbers"),
        (lambda i: bl.spherical.Solution(np.zeros(3), 0.0), "no point of a sphere"),
        (lambda i: bl.spherical.barycentre([[1.0, 0], [-1.0, 0]], [1, 1]), "no point of a sphere"),
        (lambda i: bl.spherical.solve(3, 0.0, 0), "3 is no Instance"),
        (lambda i: bl.spherical.solve(i, 0.0, 0, start=[1.0]), "start of shape"),
        (lambda i: bl.spherical.Solution(np.ones(3), 0.0).error(i), "3 weights do not fit patterns of 5 inputs"),
        (lambda i: bl.spherical.energies(i, np.ones((2, 5)), [1.0], 0.0), "do not fit 2 solutions"),
        (lambda i: bl.spherical.sample(i, 0.0, 0, 0), "count=0"),
    ],
)
def test_what_is_not_allowed_is_one_line(call, message):
    with pytest.raises(InvalidInputError, match=message) as raised:
        call(bl.spherical.patterns(4, 5, seed=0))
    assert "\n" not in str(raised.value)
