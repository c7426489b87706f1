"""Replica theory of the spherical perceptron, against plain sums, draws of fields and what is known."""

import doctest
import math
from importlib import import_module

import numpy as np
import pytest

import binland as bl
from binland.errors import InvalidInputError
from binland.spherical.laplace import invert
from tests.naive import spherical as naive

GAUSSIAN = (
    (1.0, -0.5),
    (3.0, -0.5),
    (0.5, 0.0),
    (1.9, 0.0),
    (0.4, 0.5),
    (6.0, -1.0),
)


@pytest.mark.parametrize("name", ["gardner", "barriers", "crossing", "margins", "descent", "sampling"])
def test_examples(name):
    assert doctest.testmod(import_module(f"binland.spherical.{name}")).failed == 0


@pytest.mark.parametrize(("alpha", "kappa"), GAUSSIAN)
def test_overlap_and_entropy_are_those_of_plain_sums(alpha, kappa):
    found = bl.spherical.typical(alpha, kappa)
    assert found.converged
    assert found.overlap == pytest.approx(naive.overlap(alpha, kappa), abs=1e-9)
    assert found.entropy == pytest.approx(naive.free_entropy(alpha, kappa, found.overlap), abs=1e-8)
    step = 1e-4
    around = [naive.free_entropy(alpha, kappa, found.overlap + side * step) for side in (-1, 0, 1)]
    assert abs(around[2] - around[0]) < 0.02 * step * found.overlap / (1 - found.overlap) ** 2  # a stationary point


def test_stability_is_the_mean_square_of_a_slope():
    found = bl.spherical.typical(3.0, -0.5)
    slopes = []
    for z, weight in naive.points():
        a = naive.cavity(-0.5, found.overlap, z)
        slopes.append(weight * ((naive.ratio(a + 1e-5) - naive.ratio(a - 1e-5)) / 2e-5) ** 2)
    assert found.stability == pytest.approx(3.0 * sum(slopes), rel=1e-6)


def test_known_capacities():
    assert bl.spherical.capacity(0.0) == pytest.approx(2, abs=1e-12)
    for kappa in (-2.0, -0.5, 0.3, 2.0):
        z = np.linspace(-12, 12, 240_001)
        square = np.exp(-(z**2) / 2) * np.maximum(kappa - z, 0) ** 2
        assert bl.spherical.capacity(kappa) == pytest.approx(1 / (square.sum() * 1e-4 / math.sqrt(2 * math.pi)), 1e-7)
        assert bl.spherical.maximum_margin(bl.spherical.capacity(kappa)) == pytest.approx(kappa, abs=1e-9)


@pytest.mark.parametrize("kappa", [-1.0, -0.5, 0.0, 0.5])
def test_the_overlap_goes_to_one_at_capacity_and_ends_there(kappa):
    capacity = bl.spherical.capacity(kappa)
    assert 1 - bl.spherical.overlap(capacity * (1 - 1e-5), kappa) < 1e-3
    beyond = bl.spherical.typical(capacity * 1.0001, kappa)
    assert not beyond.converged
    assert math.isnan(beyond.overlap)
    assert math.isnan(bl.spherical.stability(capacity * 1.0001, kappa))
    assert "take less patterns" in beyond.advice


def test_limits_without_constraints():
    assert bl.spherical.typical(0, 0.3).overlap == bl.spherical.typical(0, 0.3).entropy == 0
    q = bl.spherical.overlap(1e-6, 0.0)
    assert q == pytest.approx(1e-6 * 2 / math.pi, rel=1e-4)  # alpha (G(0) / H(0))^2
    assert bl.spherical.overlap(1.0, -4.0) < 1e-7
    assert bl.spherical.typical(1.0, -4.0).entropy == pytest.approx(math.log(naive.H(-4)), rel=1e-3)
    assert bl.spherical.energy(0, -0.5, [0.5, 0.5], -0.2) == pytest.approx(
        naive.pair_energy(-0.5, 1e-13, (0.5, 0.5), -0.2), abs=1e-8
    )


def test_the_almeida_thouless_line():
    assert [bl.spherical.almeida_thouless(kappa) for kappa in (0.0, 0.5)] == [math.inf, math.inf]
    line = bl.spherical.almeida_thouless(-0.5)
    assert line == pytest.approx(3.9507013, abs=1e-6)
    assert bl.spherical.stability(line, -0.5) == pytest.approx(1, abs=1e-9)
    assert bl.spherical.stability(0.99 * line, -0.5) < 1 < bl.spherical.stability(1.01 * line, -0.5)
    assert bl.spherical.typical(0.99 * line, -0.5).advice == ""
    assert "unstable beyond alpha = 3.9507" in bl.spherical.typical(1.01 * line, -0.5).advice
    assert bl.spherical.stability(2 * (1 - 1e-5), 0.0) == pytest.approx(1, abs=0.01)  # marginal at capacity


def test_the_smallest_of_several_overlaps():
    """Below kappa = -2.85 or so the curve alpha(q) turns back."""
    found = bl.spherical.typical(1e6, -4.0)
    assert "3 saddle points" in found.advice or "2 saddle points" in found.advice
    assert found.overlap < 0.1


@pytest.mark.parametrize(
    ("alpha", "kappa", "shares", "threshold"),
    [
        (1.0, -0.5, (0.5, 0.5), -0.5),
        (1.0, -0.5, (0.02, 0.98), -0.5),
        (1.0, -0.5, (0.3, 0.7), 0.3),
        (3.0, -0.5, (0.4, 0.6), -0.5),
        (7.0, -1.0, (0.5, 0.5), -1.0),
        (0.5, 0.0, (0.3, 0.7), 2.0),
        (1.9, 0.0, (0.5, 0.5), 0.1),
        (4.5, -0.5, (0.4, 0.6), 1.0),
    ],
)
def test_energies_of_two_are_those_of_a_plain_integral(alpha, kappa, shares, threshold):
    found = bl.spherical.energy(alpha, kappa, shares, threshold)
    q = bl.spherical.overlap(alpha, kappa)
    assert found == pytest.approx(naive.pair_energy(kappa, q, shares, threshold), abs=1e-8)


# 15 numbers, each to be within 4.5 standard errors (or 1e-8): by chance one of them is not in 1 of 10,000 such tests.


@pytest.mark.parametrize("y", [1, 2, 3, 5])
@pytest.mark.parametrize(("alpha", "kappa", "threshold"), [(1.0, -0.5, -0.45), (0.5, 0.2, 0.6), (5.0, -1.0, -1.0)])
def test_energies_of_any_number_are_those_of_drawn_fields(alpha, kappa, threshold, y):
    rng = np.random.default_rng(y)
    shares = rng.dirichlet(np.ones(y))
    overlaps = {kappa: bl.spherical.overlap(alpha, kappa)}
    mean, error = naive.drawn_energy(rng, 200_000, [kappa] * y, overlaps, 0, shares, threshold)
    found = bl.spherical.energy(alpha, kappa, shares, threshold)
    assert abs(found - mean) < 4.5 * error + 1e-8


@pytest.mark.parametrize("kappas", [(-0.5, -0.1), (-0.5, 0.1, -0.5), (0.3, 0.1, 0.3)])
def test_energies_between_two_margins_are_those_of_drawn_fields(kappas):
    rng = np.random.default_rng(len(kappas))
    low, high = sorted({*kappas})
    overlaps = {kappa: bl.spherical.overlap(1.0, kappa) for kappa in kappas}
    cross, shares = bl.spherical.cross_overlap(1.0, low, high), rng.dirichlet(np.ones(len(kappas)))
    mean, error = naive.drawn_energy(rng, 200_000, kappas, overlaps, cross, shares, low + 0.2)
    assert abs(bl.spherical.energy(1.0, kappas, shares, low + 0.2) - mean) < 4.5 * error + 1e-8


def test_cross_overlaps_solve_their_equation():
    t = bl.spherical.cross_overlap(1.0, -0.5, 0.2)
    q, p = bl.spherical.overlap(1.0, -0.5), bl.spherical.overlap(1.0, 0.2)
    rho = t / math.sqrt(q * p)
    grid = naive.points(0.1)
    right = sum(
        first * second
        * naive.ratio(naive.cavity(-0.5, q, z))
        * naive.ratio(naive.cavity(0.2, p, rho * z + math.sqrt(1 - rho**2) * x))
        for z, first in grid
        for x, second in grid
    )  # fmt: skip
    assert t == pytest.approx(math.sqrt((1 - q) * (1 - p)) * right, abs=1e-9)
    assert t == bl.spherical.cross_overlap(1.0, 0.2, -0.5)
    assert bl.spherical.cross_overlap(1.0, -0.5, -0.5) == q
    assert bl.spherical.cross_overlap(1.0, -0.5, -0.5 + 1e-7) == pytest.approx(q, abs=1e-6)
    assert math.isnan(bl.spherical.cross_overlap(1.0, -0.5, 1.0))
    assert bl.spherical.cross_overlap(0.0, -0.5, 1.0) == 0


def test_close_margins_have_the_energies_of_one():
    two, one = bl.spherical.energy(1.0, [-0.5, -0.5 + 1e-7], [0.5, 0.5]), bl.spherical.energy(1.0, -0.5, [0.5, 0.5])
    assert two == pytest.approx(one, abs=1e-7)


def test_energies_vanish_where_no_field_can_reach_the_threshold():
    shares = [[1, 0], [0.5, 0.5], [0, 1]]
    assert bl.spherical.energy(0.5, 0.0, shares).tolist() == [0, 0, 0]  # margins from 0 on: a convex set
    assert bl.spherical.energy(1.0, -0.5, shares).tolist()[::2] == [0, 0]
    assert np.isnan(bl.spherical.energy(3.0, 0.0, shares)).all()
    assert bl.spherical.energy(1.0, -0.5, [3.0, 3.0]) == bl.spherical.energy(1.0, -0.5, [0.5, 0.5])


def test_the_convex_margin_is_where_the_energy_of_the_barycentre_vanishes():
    for y in (2, 3):
        kappa = bl.spherical.convex_margin(1.0, -0.5, y)
        assert bl.spherical.energy(1.0, kappa + 1e-6, [1.0] * y, -0.5) == 0
        assert bl.spherical.energy(1.0, kappa - 0.02, [1.0] * y, -0.5) > 1e-6
    kappa = bl.spherical.convex_margin(1.0, -0.5, 10)
    assert bl.spherical.energy(1.0, kappa + 1e-6, [1.0] * 10, -0.5) == 0
    assert bl.spherical.energy(1.0, kappa - 0.1, [1.0] * 10, -0.5) > 1e-6
    shares = np.random.default_rng(0).dirichlet([1, 1], 20)
    assert not bl.spherical.energy(1.0, bl.spherical.convex_margin(1.0, -0.5) + 1e-6, shares, -0.5).any()
    most = bl.spherical.convex_margin(1.0, -0.5, math.inf)
    assert most == pytest.approx(-0.5 * math.sqrt(bl.spherical.overlap(1.0, most)), abs=1e-8)
    assert bl.spherical.convex_margin(1.0, 0.2) == 0.2
    assert math.isnan(bl.spherical.convex_margin(5.0, -0.5))


def test_the_kernel_margin_is_where_the_energy_of_a_geodesic_to_typical_solutions_vanishes():
    kappa = bl.spherical.kernel_margin(1.0, -0.5)
    assert kappa == pytest.approx(-0.5 * bl.spherical.cross_overlap(1.0, kappa, -0.5), abs=1e-8)
    x = np.array([1e-3, 0.01, 0.1, 0.3, 0.6, 0.9])
    ways = np.stack([1 - x, x], axis=1)
    assert not bl.spherical.energy(1.0, [-0.5, kappa + 1e-6], ways).any()
    assert bl.spherical.energy(1.0, [-0.5, kappa - 0.1], ways).any()
    assert bl.spherical.convex_margin(1.0, -0.5, math.inf) < kappa
    assert math.isnan(bl.spherical.kernel_margin(4.0, -0.5))
    assert bl.spherical.kernel_margin(0.0, -0.5) == 0
    assert bl.spherical.maximum_margin(0) == math.inf


def test_laplace_transforms_are_inverted():
    """Sums of exponential numbers, whose law is known."""
    for y in (1, 2, 4):
        for room in (0.1, 1.0, 5.0):
            known = 1 - math.exp(-room) * sum(room**k / math.factorial(k) for k in range(y))
            assert invert(lambda s, y=y: (1 + s) ** -y, room) == pytest.approx(known, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bl.spherical.typical(-1, 0.0), "alpha=-1 is not a number from 0 to 1e\\+06"),
        (lambda: bl.spherical.typical(1, 5), "kappa=5 is not a number from -4 to 4"),
        (lambda: bl.spherical.capacity("a"), "kappa='a' is not a number from -4 to 4"),
        (lambda: bl.spherical.energy(1.0, 0.0, []), "weights="),
        (lambda: bl.spherical.energy(1.0, 0.0, [0, 0]), "all 0"),
        (lambda: bl.spherical.energy(1.0, 0.0, [1, -1]), "of at least 0"),
        (lambda: bl.spherical.energy(1.0, [0.0, 0.1], [1.0]), "2 margins for weights of 1 solutions"),
        (lambda: bl.spherical.energy(1.0, [0.0, 0.1, 0.2], [1.0, 1, 1]), "more than two"),
        (lambda: bl.spherical.convex_margin(1.0, -0.5, 1), "y=1 is not a number of solutions"),
    ],
)
def test_what_is_not_allowed_is_one_line(call, message):
    with pytest.raises(InvalidInputError, match=message) as raised:
        call()
    assert "\n" not in str(raised.value)
