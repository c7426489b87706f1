"""Spacing, tangents and forces of chains, against loops over points."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepbridge.connectivity.chains import across, inserted, redistributed, steps_of, tangent_weights
from tests.naive import connectivity as naive


@st.composite
def chains(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, size = draw(st.integers(3, 9)), draw(st.integers(1, 5))
    points, weights = rng.normal(size=(count, size)), rng.uniform(0.2, 2, count - 1)
    losses = rng.integers(0, 4, count).astype(float) if draw(st.booleans()) else rng.normal(size=count)
    return torch.from_numpy(points), weights, losses, torch.from_numpy(rng.normal(size=(count - 2, size)))


@given(chains())
def test_points_are_set_down_where_a_walk_reaches_their_share(chain):
    points, weights, _, _ = chain
    made = redistributed(points, steps_of(points), torch.from_numpy(weights))
    np.testing.assert_allclose(made.numpy(), naive.redistributed(list(points.numpy()), list(weights)), atol=1e-9)


def test_the_worked_example_of_spacing():
    points = torch.tensor([[0.0], [1.0], [4.0]])
    assert redistributed(points, steps_of(points), torch.ones(2)).flatten().tolist() == [0.0, 2.0, 4.0]


def test_the_worked_example_of_tangents():
    first, second = tangent_weights(torch.tensor([0.0, 2.0, 1.0]), torch.ones(2))
    assert (first.tolist(), second.tolist()) == ([1.0], [2.0])


def test_equal_points_make_no_nan():
    points = torch.zeros(4, 2, dtype=torch.float64)
    made = redistributed(points, steps_of(points), torch.ones(3))
    force = across(torch.ones(2, 2, dtype=torch.float64), steps_of(made), torch.zeros(4))
    assert made.isfinite().all()
    assert force.isfinite().all()


@given(chains())
def test_forces_are_gradients_without_the_part_along_the_improved_tangent(chain):
    points, _, losses, gradients = chain
    p, f = points.numpy(), gradients.numpy().copy()
    found = across(gradients.clone(), steps_of(points), torch.from_numpy(losses)).numpy()
    for k in range(1, len(p) - 1):
        along = naive.tangent(p[k - 1], p[k], p[k + 1], *losses[k - 1 : k + 2])
        np.testing.assert_allclose(found[k - 1], f[k - 1] - (f[k - 1] @ along) * along, atol=1e-6)


def test_springs_pull_along_the_tangent():
    points = torch.tensor([[0.0, 0.0], [1.0, 0.0], [4.0, 0.0]], dtype=torch.float64)
    pull = torch.tensor([2.0], dtype=torch.float64)
    force = across(torch.zeros(1, 2, dtype=torch.float64), steps_of(points), torch.tensor([0.0, 1.0, 2.0]), pull)
    assert force.tolist() == [[-2.0, 0.0]]  # a negative gradient: the point moves to the right


def test_a_point_is_inserted_and_its_gap_is_shared():
    points, weights = inserted(torch.tensor([[0.0], [4.0], [8.0]]), torch.tensor([1.0, 2.0]), {1: 0.25})
    assert points.flatten().tolist() == [0.0, 4.0, 5.0, 8.0]
    assert weights.tolist() == [1.0, 0.5, 1.5]


@pytest.mark.parametrize("count", [3, 10])
def test_a_straight_chain_stays_as_it_is(count):
    points = torch.linspace(0, 1, count, dtype=torch.float64)[:, None].repeat(1, 3)
    made = redistributed(points, steps_of(points), torch.ones(count - 1))
    torch.testing.assert_close(made, points)
