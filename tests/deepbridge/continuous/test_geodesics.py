"""Lines on the toroid, against the paper's formula, slerp and plain NumPy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge.continuous.geodesics import Arc, euclidean, line_between, spheres
from tests.deepbridge.continuous.problems import EVERY, close, data, disguised, mlp_layers, near, solution
from tests.naive import continuous as naive

seeds = st.integers(0, 2**32)
places = st.floats(0.001, 0.999)


def rows(sphere, one):
    return np.concatenate([one.state[name].reshape(sphere.units, -1).numpy() for name in sphere.tensors], 1)


def pair(seed, angle=None, size=6):
    """Two vectors of one norm, at an angle if it is given."""
    rng = np.random.default_rng(seed)
    a, b = (v / np.linalg.norm(v) for v in rng.standard_normal((2, size)))
    radius = rng.uniform(0.1, 5)
    if angle is not None:
        b -= (b @ a) * a
        b = math.cos(angle) * a + math.sin(angle) * b / np.linalg.norm(b)
    return radius * a, radius * b


def arc(a, b):
    return Arc(torch.tensor(a[None]), torch.tensor(b[None]))


@given(seeds, places, st.floats(1e-3, math.pi - 1e-3))
def test_points_are_those_of_the_formula_of_the_paper_and_of_slerp(seed, x, angle):
    a, b = pair(seed, angle)
    found = arc(a, b).at(x)[0].numpy()
    assert np.allclose(found, naive.slerp(a, b, x), rtol=1e-9, atol=1e-9)
    assert np.allclose(found, naive.geodesic(a, b, x), rtol=1e-6, atol=1e-6)  # its tangent loses digits


@given(seeds, places, st.floats(1e-9, math.pi))
def test_norm_and_speed_are_constant_and_directions_alike(seed, x, angle):
    a, b = pair(seed, angle)
    here = arc(a, b)
    radius, length = np.linalg.norm(a), float(here.lengths[0])
    assert length == pytest.approx(radius * angle, rel=1e-6, abs=1e-12)
    middle = here.at(x)[0].numpy()
    assert np.linalg.norm(middle) == pytest.approx(radius, rel=1e-9)
    assert float(arc(a, middle).lengths[0]) == pytest.approx(x * length, rel=1e-6, abs=1e-9)
    assert float(arc(middle, b).lengths[0]) == pytest.approx((1 - x) * length, rel=1e-6, abs=1e-7)
    assert np.allclose(arc(b, a).at(1 - x)[0].numpy(), middle, atol=1e-7 * radius)


@given(seeds, places)
def test_equal_vectors_stay_and_opposite_ones_take_a_half_circle(seed, x):
    a, _ = pair(seed)
    assert np.allclose(arc(a, a).at(x)[0].numpy(), a, rtol=1e-15)
    half = arc(a, -a)
    middle = half.at(x)[0].numpy()
    assert np.linalg.norm(middle) == pytest.approx(np.linalg.norm(a))
    assert float(half.lengths[0]) == pytest.approx(math.pi * np.linalg.norm(a))
    assert float(arc(a, middle).lengths[0]) == pytest.approx(x * math.pi * np.linalg.norm(a), rel=1e-6)
    assert np.allclose(arc(-a, a).at(1 - x)[0].numpy(), middle, atol=1e-12)


@given(seeds, places)
def test_where_one_vector_is_zero_the_line_is_straight(seed, x):
    a, _ = pair(seed)
    assert np.allclose(arc(a, 0 * a).at(x)[0].numpy(), (1 - x) * a)
    assert float(arc(0 * a, a).lengths[0]) == pytest.approx(np.linalg.norm(a))


def test_the_sphere_of_a_single_weight_is_two_points_with_a_straight_line_between_them():
    one, other = np.array([2.0]), np.array([-2.0])
    assert arc(one, other).lengths.tolist() == [4.0]
    assert arc(one, other).at(0.25).tolist() == [[1.0]]
    assert arc(one, one).at(0.3).tolist() == [[2.0]]
    a, b = (solution(db.MLP(1, (8,), 1), seed) for seed in (0, 1))
    assert (a.state["1.weight"] * b.state["1.weight"] < 0).any()
    there = data(a.network)
    path = db.path(a, b, there, points=5)
    for t, loss in zip(path.ts, path.losses, strict=True):
        assert path.solution(t).loss(there) == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_ends_are_exact_and_norms_constant(name):
    a, b = (db.normalize(solution(name, seed)) for seed in (0, 1))
    for t, end in ((0.0, a), (1.0, b)):
        found = db.interpolate(a, b, t, "geodesic")
        assert np.array_equal(found.flat, end.flat)
        assert all(torch.equal(found.state[k], end.state[k]) for k in end.state if "tracked" not in k)
    for t in (-0.4, 0.25, 0.5, 1.7):
        found = db.interpolate(a, b, t, "geodesic")
        for sphere in spheres(a.network):
            expected = np.linalg.norm(rows(sphere, a), axis=1)
            assert np.allclose(np.linalg.norm(rows(sphere, found), axis=1), expected, rtol=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_lengths_of_parts_add_up_in_every_unit(name):
    a, b = (db.normalize(solution(name, seed)) for seed in (0, 1))
    whole = db.unit_distances(a, b)
    assert set(whole) == {sphere.tensors[0] for sphere in spheres(a.network)}
    for t in (0.2, 0.5, 0.9):
        middle = db.interpolate(a, b, t, "geodesic")
        first, second = db.unit_distances(a, middle), db.unit_distances(middle, b)
        if name in ("mlp", "binary", "lenet"):  # else gammas that are interpolated are normalised again
            for key, lengths in whole.items():
                assert np.allclose(first[key] + second[key], lengths, rtol=1e-9)
                assert np.allclose(first[key], t * lengths, rtol=1e-9)
            assert db.distance(a, middle) + db.distance(middle, b) == pytest.approx(db.distance(a, b), rel=1e-9)
    total = math.sqrt(sum((lengths**2).sum() for lengths in whole.values()))
    assert db.distance(a, b) == pytest.approx(total)


def test_an_mlp_against_plain_numpy():
    a, b = solution("mlp", 0), solution("mlp", 1)
    layers = [naive.normalized(mlp_layers(one)) for one in (a, b)]
    for t in (0.1, 0.5, 0.8, 1.3):
        found = mlp_layers(db.interpolate(a, b, t, "geodesic"))
        for ours, theirs in zip(found, naive.on_geodesic(*layers, t), strict=True):
            assert np.allclose(ours[0], theirs[0], rtol=1e-9, atol=1e-12)
            assert np.allclose(ours[1], theirs[1], rtol=1e-9, atol=1e-12)
    squares = []
    for k, ((u, _), (v, _)) in enumerate(zip(*layers, strict=True)):
        pairs = zip(u, v, strict=True) if k < len(layers[0]) - 1 else [(u.ravel(), v.ravel())]
        for x, y in pairs:
            radius = np.linalg.norm(x)
            squares.append((radius * math.acos(np.clip(x @ y / radius**2, -1, 1))) ** 2)
    assert db.distance(a, b) == pytest.approx(math.sqrt(sum(squares)), rel=1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_linear_is_linear_in_every_tensor_and_so_are_biases_on_geodesics(name):
    a, b = (db.normalize(solution(name, seed)) for seed in (0, 1))
    curved = {tensor for sphere in spheres(a.network) for tensor in sphere.tensors}
    for t in (-0.5, 0.3, 2.0):
        for kind, straight in (("linear", set(a.state)), ("geodesic", set(a.state) - curved)):
            found = db.interpolate(a, b, t, kind)
            for key in straight:
                if a.state[key].is_floating_point():
                    x = min(max(t, 0), 1) if "running" in key else t  # no variance is negative
                    expected = (1 - x) * a.state[key] + x * b.state[key]
                    assert torch.allclose(found.state[key], expected, 1e-12, 1e-14)


@pytest.mark.parametrize("name", EVERY)
def test_distance_is_one_of_functions_but_for_the_order_of_units(name):
    a, b = solution(name, 0), solution(name, 1)
    assert db.distance(a, b) == pytest.approx(db.distance(b, a), rel=1e-12)
    assert db.distance(a, a) == 0
    third = solution(name, 2)
    assert db.distance(a, third) <= db.distance(a, b) + db.distance(b, third)
    other = db.align(db.normalize(disguised(name, b, 7)), db.normalize(b), "coordinate").solution
    assert db.distance(a, other) == pytest.approx(db.distance(a, b), rel=1e-6)


def test_distances_are_exact_for_neighbours():
    """Where arccos would see nothing below 1e-8."""
    a = solution("mlp", 0)
    for size in (1e-6, 1e-9, 1e-12):
        assert 0.1 * size < db.distance(a, near(a, 1, size)) < 20 * size


def test_float32_is_as_exact_as_it_can_be():
    a, b = (solution("lenet", seed, torch.float32) for seed in (0, 1))
    exact = [one.at({k: v.double() for k, v in one.state.items()}) for one in (a, b)]
    assert db.distance(a, b) == pytest.approx(db.distance(*exact), rel=1e-6)
    inputs, _ = data("lenet")
    for t in (0.3, 0.8):
        found = db.interpolate(a, b, t, "geodesic").outputs(inputs)
        assert close(found, db.interpolate(*exact, t, "geodesic").outputs(inputs), 1e-4)


@settings(max_examples=20)
@given(seeds, st.floats(-3, 4))
def test_any_parameter_gives_a_network(seed, t):
    a, b = solution("mlp", seed), solution("mlp", seed + 1)
    for kind in ("linear", "geodesic"):
        assert np.isfinite(db.interpolate(a, b, t, kind).flat).all()


def test_the_sphere_of_opposite_networks():
    one = db.normalize(solution("mlp", 0))
    state = {key: -tensor if key.endswith("weight") else tensor for key, tensor in one.state.items()}
    other = one.at(state)
    assert db.unit_distances(one, other)["1.weight"] == pytest.approx(np.full(5, math.pi))
    there = data("mlp")
    path = db.path(one, other, there, points=5)
    for t, loss in zip(path.ts, path.losses, strict=True):
        assert db.interpolate(one, other, t, "geodesic").loss(there) == pytest.approx(loss, rel=1e-12)


@given(seeds)
def test_euclidean_distance_against_plain_numpy(seed):
    a, b = solution("mlp", seed), solution("mlp", seed + 1)
    assert euclidean(a, b) == pytest.approx(math.sqrt(naive.square(*map(mlp_layers, (a, b)))))


def test_a_line_knows_its_points():
    a, b = (db.normalize(solution("mlp", seed)) for seed in (0, 1))
    line = line_between(a, b, (0.0, 0.5, 1.0), "geodesic")
    assert len(line) == 3
    assert torch.equal(line.state(1)["1.weight"], line.at(0.5)["1.weight"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: db.interpolate(a, a, math.nan), "t=nan is not a finite number"),
        (lambda a: db.interpolate(a, a, "0"), "t='0' is not a finite number"),
        (lambda a: db.interpolate(a, a, 0.5, "bezier"), "kind='bezier' is not one of 'linear', 'geodesic'"),
        (lambda a: db.interpolate(a, a, 0.5, "geodesic", "none"), "batch_norm='none' is not one of"),
        (lambda a: db.interpolate(a, 3, 0.5), "3 given where a solution of a continuous network is needed"),
        (lambda a: db.distance(a, solution("binary", 0)), "the solutions are of different networks"),
        (lambda a: db.distance(a, solution("mlp", 0, torch.float32)), "take both in one type"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InvalidInputError) as caught:
        call(solution("mlp", 0))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
