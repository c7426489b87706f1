"""Sharpness against brute force in two dimensions, bowls, and loops over mini-batches."""

import numpy as np
import pytest
import torch

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge import connectivity
from deepbridge.connectivity import keskar_sharpness, sam_sharpness
from tests.deepbridge.connectivity.bowls import bowl, chain, permuted
from tests.naive import flatness as naive


def wavy(x):
    return (x[0] ** 2 - 1) ** 2 + 0.5 * (x[1] - 0.3 * x[0]) ** 2 + 0.2 * (3 * x[1]).sin()


def at(point):
    return float(wavy(torch.as_tensor(point)))


@pytest.mark.parametrize("point", [[0.9, 0.4], [-1.2, 0.1], [0.2, -0.8]])
@pytest.mark.parametrize("rho", [0.05, 0.3])
def test_the_worst_place_on_a_disk(point, rho):
    there = connectivity.Function(wavy, 2)
    exact = naive.worst_on_disk(at, np.array(point), rho, points=240)
    found = sam_sharpness(there, point, rho, steps=50)
    assert found == pytest.approx(exact, rel=2e-3)  # the grid has angles of 1.5 degrees


@pytest.mark.parametrize("epsilon", [0.01, 0.1])
def test_the_worst_place_in_a_box(epsilon):
    there, point = connectivity.Function(wavy, 2), np.array([0.9, 0.4])
    exact = naive.worst_in_box(at, point, epsilon * (np.abs(point) + 1), points=51)
    assert keskar_sharpness(there, point, epsilon) == pytest.approx(100 * exact / (1 + at(point)), rel=1e-6)


def test_one_step_is_the_formula_of_the_paper():
    found, there = chain()
    point = there.point(found)
    loss, slope = there.gradients(point[None])
    up, _ = there.gradients(point[None] + 0.1 * slope / slope.norm())
    assert sam_sharpness(there, found, 0.1) == pytest.approx(float(up - loss), rel=1e-12)
    unit = point.abs() + 0.01
    step = 0.1 * unit**2 * slope / (unit * slope).norm()
    up, _ = there.gradients(point[None] + step)
    assert sam_sharpness(there, found, 0.1, adaptive=True) == pytest.approx(float(up - loss), rel=1e-12)


@pytest.mark.parametrize("batch_size", [1, 8, 11, 40, 100])
def test_mini_batches_have_worst_places_of_their_own(batch_size):
    found, there = chain()
    point, total = there.point(found), 0.0
    order = torch.from_numpy(np.random.default_rng(5).permutation(40)) if batch_size < 40 else torch.arange(40)
    for batch in order.split(batch_size):
        loss, slope = there.gradients(point[None], batch)
        up, _ = there.gradients(point[None] + 0.2 * slope / slope.norm(), batch)
        total += float(up - loss) * len(batch) / 40
    rng = np.random.default_rng(5)
    assert sam_sharpness(there, found, 0.2, batch_size=batch_size, seed=rng) == pytest.approx(total, rel=1e-9)


def test_known_values_of_bowls():
    there, minimum = bowl([1.0, 2.0, 5.0])
    assert 0.005 <= sam_sharpness(there, minimum, 0.1) <= 0.025  # the gradient is zero: one step in any direction
    assert sam_sharpness(there, minimum, 0.1, steps=100) == pytest.approx(5 * 0.01 / 2, rel=1e-9)
    assert keskar_sharpness(there, minimum, 0.1) == pytest.approx(100 * 8 * 0.04 / 2, rel=1e-9)


def test_more_steps_never_find_less():
    found, there = chain(seed=1)
    rises = [sam_sharpness(there, found, 0.5, steps) for steps in (1, 2, 5, 20)]
    assert rises == sorted(rises)
    percents = [keskar_sharpness(there, found, 1e-2, iterations) for iterations in (1, 3, 10)]
    assert percents == sorted(percents)
    assert percents[0] > 0


@pytest.mark.parametrize("measure", [sam_sharpness, keskar_sharpness])
def test_the_order_of_units_does_not_matter(measure):
    found, there = chain()
    other = permuted(permuted(found, "0", "2", [3, 1, 0, 5, 4, 2]), "2", "4", [4, 3, 2, 1, 0])
    assert not torch.equal(there.point(found), there.point(other))
    assert measure(there, found) == pytest.approx(measure(there, other), rel=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: sam_sharpness(f, [0, 0], rho=0), "rho=0"),
        (lambda f: sam_sharpness(f, [0, 0], steps=0), "steps=0"),
        (lambda f: sam_sharpness(f, [0, 0], batch_size=0), "batch_size=0"),
        (lambda f: sam_sharpness(f, [0, 0], adaptive=1), "adaptive=1"),
        (lambda f: sam_sharpness(f, [0, 0, 0]), "not a point of 2"),
        (lambda f: keskar_sharpness(f, [0, 0], epsilon=-1), "epsilon=-1"),
        (lambda f: keskar_sharpness(f, [0, 0], iterations=0), "iterations=0"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call(connectivity.Function(wavy, 2))


def test_what_is_constant_around_a_point_has_no_sharpness_by_steps():
    network = db.BinaryMLP(15, (7,))
    scape = db.landscape(network, bl.Patterns.random(30, 15, seed=0))
    for measure in (sam_sharpness, keskar_sharpness, db.connectivity.basin_volume):
        with pytest.raises(InvalidInputError, match=r"constant around its latents; take db\.hamming_volume"):
            measure(scape, np.ones(scape.size))


def test_negative_losses_have_no_share_of_one_plus_loss():
    low = db.connectivity.Function(lambda x: x.square().sum() - 5, size=2)
    with pytest.raises(InvalidInputError, match="the loss is -5"):
        keskar_sharpness(low, [0.0, 0.0])
