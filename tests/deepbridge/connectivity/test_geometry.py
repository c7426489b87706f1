"""The toroid as flat points, beside geodesics of single networks."""

import math

import numpy as np
import pytest
import torch

import deepbridge as db
from deepbridge.connectivity.geometry import Geometry, Piece, Toroid
from deepbridge.continuous.geodesics import Arc, distance
from tests.deepbridge.connectivity import problems
from tests.naive import connectivity as naive


def two_spheres():
    """A unit vector of three numbers, two vectors of radius 2 in two pieces each, and a straight direction."""
    return Toroid([([Piece(0, 1, 3)], 1.0), ([Piece(3, 2, 1), Piece(5, 2, 2)], 2.0)]), 10


def random_points(count=4, seed=0):
    space, size = two_spheres()
    points = torch.from_numpy(np.random.default_rng(seed).normal(size=(count, size)))
    return space, points


def vectors(point):
    """The vectors of the three spheres, and what is straight."""
    return [point[0:3], point[[3, 5, 6]], point[[4, 7, 8]]], point[9:]


def test_points_are_brought_to_their_radii():
    space, points = random_points()
    made = space.onto(points)
    for before, after in zip(points, made, strict=True):
        (old, rest), (new, rest_after) = vectors(before), vectors(after)
        for vector, radius, original in zip(new, (1, 2, 2), old, strict=True):
            assert float(vector.norm()) == pytest.approx(radius)
            torch.testing.assert_close(vector / radius, original / original.norm())
        torch.testing.assert_close(rest, rest_after)
    torch.testing.assert_close(space.onto(made), made)


def test_tangents_are_perpendicular_to_radii():
    space, points = random_points()
    points = space.onto(points)
    made = space.along(points, random_points(seed=1)[1])
    for point, vector in zip(points, made, strict=True):
        for radius, move in zip(vectors(point)[0], vectors(vector)[0], strict=True):
            assert float(radius @ move) == pytest.approx(0, abs=1e-12)


def test_gradients_through_the_projection_are_those_of_autograd():
    space, points = random_points()
    slopes = random_points(seed=1)[1]
    raw = points.clone().requires_grad_()
    parts = []
    for row in raw:
        norms = [v.norm() for v in vectors(row)[0]]
        scale = torch.ones(10, dtype=torch.float64)
        pieces = [row[0:3] / norms[0], 2 * row[3:4] / norms[1], 2 * row[4:5] / norms[2]]
        pieces += [2 * row[5:7] / norms[1], 2 * row[7:9] / norms[2], row[9:]]
        parts.append(torch.cat(pieces) * scale)
    (torch.stack(parts) * slopes).sum().backward()
    torch.testing.assert_close(space.pulled_back(points, slopes), raw.grad)


def test_lines_are_arcs_at_constant_speed():
    space, points = random_points(2)
    a, b = space.onto(points)
    ts = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    made = space.between(a, b, ts)
    assert torch.equal(made[0], a)
    assert torch.equal(made[2], b)
    for one, other, found in zip(*(vectors(p)[0] for p in (a, b, made[1])), strict=True):
        np.testing.assert_allclose(found.numpy(), naive.normalized_arc(one.numpy(), other.numpy(), 0.3), rtol=1e-12)
    assert float(made[1, 9]) == pytest.approx(float(0.7 * a[9] + 0.3 * b[9]))
    whole = float(space.lengths(torch.stack([a, b]))[0])
    parts = space.lengths(made)
    assert float(parts[0]) == pytest.approx(0.3 * whole)
    angles = [math.acos(float(x @ y) / float(x @ x)) for x, y in zip(vectors(a)[0], vectors(b)[0], strict=True)]
    arcs = [angle * radius for angle, radius in zip(angles, (1, 2, 2), strict=True)]
    assert whole == pytest.approx(math.sqrt(sum(arc**2 for arc in arcs) + float(a[9] - b[9]) ** 2))


def test_equal_and_zero_vectors_are_harmless():
    space, points = random_points(2)
    a = space.onto(points)[0]
    zero = a.clone()
    zero[0:3] = 0
    for other in (a, zero):
        line = space.between(a, other, torch.linspace(0, 1, 5, dtype=torch.float64))
        assert line.isfinite().all()
    assert space.onto(zero[None]).isfinite().all()
    assert float(space.lengths(torch.stack([a, a]))[0]) == 0


def test_flat_space_is_the_usual_one():
    _, points = random_points()
    flat = Geometry()
    assert torch.equal(flat.onto(points), points)
    assert float(flat.lengths(points)[1]) == pytest.approx(float((points[1] - points[2]).norm()))


@pytest.mark.parametrize("kind", ["mlp", "conv", "norm"])
def test_networks_are_normalised_and_geodesics_are_those_of_the_package(kind):
    scape = problems.landscape(kind, geometry="toroid")
    a, b = problems.solution(kind, 0), problems.solution(kind, 1)
    first, second = scape.point(a), scape.point(b)
    for point in (first, second):
        torch.testing.assert_close(scape.geometry.onto(point[None])[0], point)
    middle = scape.geometry.between(first, second, torch.tensor([0.25], dtype=torch.float64))[0]
    expected = db.interpolate(a, b, 0.25, "geodesic").flat
    np.testing.assert_allclose(middle.numpy(), expected, atol=1e-12)
    straight = [name for name in scape.network.parameters if not any(name in s.tensors for s in spheres_of(scape))]
    rest = sum(
        float((a_n[name] - b_n[name]).double().square().sum())
        for name in straight
        for a_n, b_n in [(scape.state(first), scape.state(second))]
    )
    length = float(scape.geometry.lengths(torch.stack([first, second]))[0])
    assert length == pytest.approx(math.sqrt(db.distance(a, b) ** 2 + rest))


def spheres_of(scape):
    from deepbridge.continuous.geodesics import spheres

    return spheres(scape.network)


def test_normalised_networks_have_the_same_errors():
    flat, toroid = problems.landscape(), problems.landscape(geometry="toroid")
    one = problems.solution()
    points = [scape.point(one)[None] for scape in (flat, toroid)]
    assert flat.values(points[0]).error_counts == toroid.values(points[1]).error_counts


@pytest.mark.parametrize("seed", range(3))
def test_opposite_vectors_are_joined_by_half_circles(seed):
    rng = np.random.default_rng(seed)
    space = Toroid([([Piece(0, 2, 2), Piece(4, 2, 1)], 1.5)])
    a = space.onto(torch.from_numpy(rng.normal(size=(1, 7))))[0]
    b = space.onto(torch.from_numpy(rng.normal(size=(1, 7))))[0]
    opposite = [0, 1, 4]  # the first unit
    b[opposite] = -a[opposite]
    ts = torch.linspace(0, 1, 41, dtype=torch.float64)
    points = space.between(a, b, ts)
    torch.testing.assert_close(points[:, opposite].norm(dim=1), torch.full((41,), 1.5, dtype=torch.float64))
    arc = Arc(a[opposite][None], b[opposite][None])
    for t, point in zip(ts.tolist(), points, strict=True):
        torch.testing.assert_close(point[opposite], arc.at(t)[0])
    steps = space.lengths(points)
    torch.testing.assert_close(steps, steps.mean().expand(40))
    assert float(steps.sum()) == pytest.approx(float(space.lengths(torch.stack([a, b]))[0]))


def test_vectors_of_one_number_have_no_sphere():
    net = db.MLP(1, (5,), 3)
    scape = db.landscape(net, (np.ones((4, 1)), np.arange(4) % 3), geometry="toroid", dtype="float64")
    a, b = (db.normalize(db.ContinuousSolution(net, net.initial(seed, torch.float64))) for seed in (0, 1))
    points = torch.stack([scape.point(one) for one in (a, b)])
    biases = sum((a.state[name] - b.state[name]).square().sum() for name in ("1.bias", "3.bias"))
    expected = math.sqrt(distance(a, b) ** 2 + float(biases))  # which has the first weights as straight ways, too
    assert float(scape.geometry.lengths(points)[0]) == pytest.approx(expected)
    middle = scape.geometry.between(*points, torch.tensor([0.5]))[0]
    torch.testing.assert_close(middle[:5], points[:, :5].mean(0))
