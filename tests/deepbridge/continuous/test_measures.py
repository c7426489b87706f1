"""Barriers, local energies and planes against plain NumPy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge.continuous.flatness import Noisy
from tests.deepbridge.continuous.problems import EVERY, blobs, data, disguised, mlp_layers, near, solution
from tests.naive import continuous as naive

seeds = st.integers(0, 2**32)


# Barriers


@settings(max_examples=15)
@given(seeds, st.integers(2, 9), st.sampled_from(["mlp", "binary"]))
def test_barriers_of_all_definitions(seed, points, name):
    a, b, there, other = solution(name, seed), solution(name, seed + 1), data(name, seed, 40), data(name, seed + 1, 30)
    path = db.path(a, b, there, "linear", points, test=other)
    ts = [k / (points - 1) for k in range(points)]
    line = [
        [((1 - t) * u + t * v, (1 - t) * x + t * y) for (u, x), (v, y) in zip(*map(mlp_layers, (a, b)), strict=True)]
        for t in ts
    ]
    errors = np.array([naive.errors(here, *there) for here in line]) / 40
    losses = np.array([naive.loss(here, *there) for here in line])
    assert path.ts.tolist() == ts
    assert path.errors == pytest.approx(errors)
    assert path.losses == pytest.approx(losses)
    assert path.test_errors == pytest.approx([naive.errors(here, *other) / 30 for here in line])
    assert path.test_losses == pytest.approx([naive.loss(here, *other) for here in line])
    assert path.barrier == max(errors) == db.barrier(a, b, there, "linear", points=points)
    assert path.ainsworth == pytest.approx(max(losses) - (losses[0] + losses[-1]) / 2)
    assert path.frankle == pytest.approx(max(errors) - (errors[0] + errors[-1]) / 2)
    assert path.stable == (path.frankle < 0.02)
    if points % 2:
        assert path.entezari == pytest.approx(losses[points // 2] - (losses[0] + losses[-1]) / 2)
    else:
        assert math.isnan(path.entezari)
    assert path.length == pytest.approx(math.sqrt(naive.square(*map(mlp_layers, (a, b)))))
    assert (path.n_points, path.n_patterns, path.kind) == (points, 40, "linear")


def test_what_lies_beyond_the_ends_is_no_barrier():
    a, b, there = solution("mlp", 0), solution("mlp", 1), data("mlp", 0, 40)
    for kind in ("linear", "geodesic"):
        short, long = (db.path(a, b, there, kind, 5, beyond=beyond) for beyond in (0.0, 1.3))
        assert long.ts.tolist() == [k / 4 for k in range(-5, 10)]
        assert np.array_equal(long.error_counts[5:10], short.error_counts)
        assert (long.barrier, long.ainsworth, long.entezari) == (short.barrier, short.ainsworth, short.entezari)
        assert long.length == short.length


@pytest.mark.parametrize("name", EVERY)
def test_paths_are_the_same_in_both_directions_and_between_disguises(name):
    a, b, there = solution(name, 0), solution(name, 1), data(name, 0, 30)
    path, back = db.path(a, b, there, points=4), db.path(b, a, there, points=4)
    assert np.allclose(path.losses, back.losses[::-1], rtol=1e-7)
    assert path.length == pytest.approx(back.length) == pytest.approx(db.distance(a, b))
    start, end = (db.align(db.normalize(disguised(name, o, 5)), db.normalize(o), "coordinate").solution for o in (a, b))
    again = db.path(start, end, there, points=4)
    assert np.allclose(again.losses, path.losses, rtol=1e-4)  # epsilon is another share of the variances
    assert np.array_equal(again.start.flat.round(6), path.start.flat.round(6))


def test_the_geodesic_is_normalised_and_the_line_is_not():
    a, b, there = solution("mlp", 0), solution("mlp", 1), data("mlp")
    path = db.path(a, b, there)
    assert np.array_equal(path.start.flat, db.normalize(a).flat)
    assert path.errors[0] == a.error(there)
    line = db.path(a, b, there, "linear")
    assert line.start is a
    assert line.losses[-1] == pytest.approx(b.loss(there))
    assert line.solution(0.5).history is None


def test_a_network_has_no_barrier_to_itself():
    a, there = solution("vgg16", 0), data("vgg16", 0, 30)
    path = db.path(a, a, there, points=3, reestimate=False)
    assert path.length == 0
    assert path.frankle == 0
    assert np.ptp(path.losses) < 1e-12


def test_a_bend_is_two_paths_through_a_trained_middle():
    a, b = (db.fit(db.MLP(8, (6,), 3), blobs(), db.continuous.SGD(epochs=5), seed, progress=False) for seed in (0, 1))
    algorithm = db.continuous.SGD(epochs=5, learning_rate=0.1)
    bent = db.optimized_path(a, b, blobs(), algorithm, 3, points=5)
    middle = db.optimized_midpoint(a, b, blobs(), algorithm, 3)
    assert np.array_equal(bent.midpoint.flat, middle.flat)
    start = db.interpolate(a, b, 0.5, "geodesic")
    assert np.array_equal(db.optimized_midpoint(a, b, blobs(), db.continuous.SGD(epochs=0), 3).flat, start.flat)
    assert len(bent.errors) == 9
    assert bent.barrier == max(bent.errors)
    assert bent.length == pytest.approx(db.distance(a, middle) + db.distance(middle, b), rel=1e-5)


# Local energy


@settings(max_examples=10)
@given(seeds)
def test_local_energy_against_a_twin(seed):
    one, there = solution("mlp", seed), data("mlp", seed, 40)
    sigmas = [0.0, 0.1, 0.7]
    found = db.local_energy(one, there, sigmas, 4, seed)
    again = db.local_energy(one, there, sigmas[1:], 4, seed)
    assert np.array_equal(found.samples[1:], again.samples)
    base, layers = naive.errors(mlp_layers(one), *there), mlp_layers(one)
    drawn = _seeds(seed, 4)
    for r in range(4):
        noise = mlp_layers(one.at(Noisy(one, int(drawn[r]), (0.0,))._noise))
        for s, sigma in enumerate(sigmas):
            moved = [(w * (1 + sigma * z), b * (1 + sigma * y)) for (w, b), (z, y) in zip(layers, noise, strict=True)]
            assert found.samples[s, r] == (naive.errors(moved, *there) - base) / 40
            expected = naive.loss(moved, *there) - naive.loss(layers, *there)
            assert found.loss_samples[s, r] == pytest.approx(expected, abs=1e-9)
    assert np.array_equal(found.mean, found.samples.mean(1))
    assert found.std == pytest.approx([np.std(row, ddof=1) for row in found.samples])
    assert found.loss_mean == pytest.approx(found.loss_samples.mean(1))
    assert found.loss_std == pytest.approx([np.std(row, ddof=1) for row in found.loss_samples])
    assert not found.samples[0].any()


def _seeds(seed, count):
    from binland.rng import generator

    return generator(seed, "local_energy").integers(2**63, size=count)


def test_the_noise_is_normal_and_independent():
    network = db.MLP(300, (50,), 10)
    one = solution(network, 0)
    drawn = np.concatenate(
        [Noisy(one, k, (1.0,))._noise[n].numpy().ravel() for k in range(2) for n in network.parameters]
    )
    n = len(drawn)
    assert abs(drawn.mean()) < 5 / n**0.5
    assert abs(drawn.var() - 1) < 5 * (2 / n) ** 0.5
    assert abs((drawn**4).mean() - 3) < 5 * (96 / n) ** 0.5
    first, second = drawn[: n // 2], drawn[n // 2 :]
    assert abs((first * second).mean()) < 5 / len(first) ** 0.5


@pytest.mark.parametrize("name", EVERY)
def test_local_energy_does_not_change_when_units_are_rescaled(name):
    one, there = solution(name, 0), data(name, 0, 30)
    state = dict(one.state)
    from deepbridge.continuous.units import rescaled

    rng = torch.Generator().manual_seed(0)
    for rescaling in one.network.units.rescalings:
        some = 0.3 + 2 * torch.rand(one.network.units.sizes[rescaling.units], generator=rng, dtype=torch.float64)
        state = rescaled(one.network.units, state, rescaling, some)
    energies = [db.local_energy(o, there, [0.2, 0.6], 3, 1) for o in (one, one.at(state))]
    assert np.array_equal(energies[0].samples, energies[1].samples)
    assert np.allclose(energies[0].loss_samples, energies[1].loss_samples, rtol=1e-7, atol=1e-9)
    normal = db.local_energy(db.normalize(one), there, [0.2, 0.6], 3, 1)
    assert np.array_equal(normal.samples, energies[0].samples)


def test_batch_norm_parameters_get_noise_and_statistics_do_not():
    one = solution("vgg16", 0)
    moved = Noisy(one, 0, (0.5,)).state(0)
    for key, tensor in one.state.items():
        assert torch.equal(moved[key], tensor) == ("running" in key or "num_batches" in key)


def test_one_realisation_has_no_deviation():
    found = db.local_energy(solution("mlp", 0), data("mlp"), 0.3, 1)
    assert found.samples.shape == (1, 1)
    assert math.isnan(found.std[0])


# Planes


@settings(max_examples=10)
@given(seeds, st.integers(2, 4), st.sampled_from([0.0, 0.3]))
def test_planes_against_plain_numpy(seed, points, margin):
    three, there = [solution("mlp", seed + k) for k in range(3)], data("mlp", seed, 30)
    plane = db.plane(*three, there, points, margin, test=there)
    flat = np.array([one.flat for one in three])
    sides = flat[1:] - flat[0]
    e1 = sides[0] / np.linalg.norm(sides[0])
    e2 = sides[1] - (sides[1] @ e1) * e1
    e2 /= np.linalg.norm(e2)
    corners = np.array([[0, 0], [sides[0] @ e1, 0], [sides[1] @ e1, sides[1] @ e2]])
    assert plane.corners == pytest.approx(corners)
    for k, places in enumerate((plane.x, plane.y)):
        low, high = corners[:, k].min(), corners[:, k].max()
        assert places == pytest.approx(np.linspace(low - margin * (high - low), high + margin * (high - low), points))
    for i, x in enumerate(plane.x):
        for j, y in enumerate(plane.y):
            here = _layers(three[0], flat[0] + x * e1 + y * e2)
            assert plane.losses[j, i] == pytest.approx(naive.loss(here, *there))
            assert plane.errors[j, i] == pytest.approx(naive.errors(here, *there) / 30)
    assert np.array_equal(plane.test_errors, plane.errors)


def _layers(one, flat):
    state, begin = {}, 0
    for name in one.network.parameters:
        size = one.state[name].numel()
        state[name] = torch.tensor(flat[begin : begin + size]).reshape(one.state[name].shape)
        begin += size
    return mlp_layers(one.at(state))


@pytest.mark.parametrize("name", EVERY)
def test_corners_have_the_errors_of_the_solutions_and_places_find_them(name):
    one = solution(name, 0)
    three, there = (one, near(one, 1, 0.2), near(one, 2, 0.2)), data(name, 0, 30)
    plane = db.plane(*three, there, 2)
    assert plane.corner_errors.tolist() == [solution.error(there) for solution in three]
    for corner, solved in zip(plane.corners, three, strict=True):
        assert plane.place(solved) == pytest.approx(tuple(corner), abs=1e-9)
    middle = db.interpolate(three[0], three[1], 0.5)
    assert plane.place(middle) == pytest.approx(tuple(plane.corners[1] / 2), abs=1e-9)


# Refusals


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a, d: db.path(a, a, d, "straight"), "kind='straight' is not one of 'linear', 'geodesic'"),
        (lambda a, d: db.path(a, a, d, points=1), "points=1 is not an integer of at least 2"),
        (lambda a, d: db.path(a, a, d, points=10**7), "points=10000000 is more than 1000000"),
        (lambda a, d: db.path(a, a, d, points=99, beyond=1e9), "make more than 1000000 points"),
        (lambda a, d: db.path(a, a, d, beyond=-1), "beyond=-1 is not a number"),
        (lambda a, d: db.path(a, a, d, reestimate=None), "reestimate=None is not true or false"),
        (lambda a, d: db.path(a, a, d, device="abacus"), "device='abacus' cannot be used"),
        (lambda a, d: db.path(a, a, d, test=3), "int given where a Dataset or Patterns are needed"),
        (lambda a, d: db.path(a, None, d), "None given where a solution"),
        (lambda a, d: db.path(a, solution("binary", 0), d), "the solutions are of different networks"),
        (lambda a, d: db.path(a, solution("mlp", 0, torch.float32), d), "take both in one type"),
        (lambda a, d: db.path(a, a, d).solution("middle"), "t='middle' is not a finite number"),
        (lambda a, d: db.path(a, a, d).solution(math.inf), "t=inf is not a finite number"),
        (lambda a, d: db.local_energy(a, d, [-0.1]), "sigma=-0.1 is not a number"),
        (lambda a, d: db.local_energy(a, d, [math.nan]), "sigma=nan is not a number"),
        (lambda a, d: db.local_energy(a, d, []), "sigmas=[] is empty"),
        (lambda a, d: db.local_energy(a, d, "all"), "sigma='all' is not a number"),
        (lambda a, d: db.local_energy(a, d, [0.1], 0), "realizations=0 is not an integer"),
        (lambda a, d: db.local_energy(a, d, [0.1], seed=-1), "seed=-1"),
        (lambda a, d: db.plane(a, a, a, d), "the three solutions lie on one line"),
        (lambda a, d: db.plane(a, near(a, 0, 1), near(a, 1, 1), d, 1), "points=1 is not an integer of at least 2"),
        (lambda a, d: db.plane(a, near(a, 0, 1), near(a, 1, 1), d, 3, -1), "margin=-1 is not a number"),
        (lambda a, d: db.plane(a, solution("binary", 0), a, d), "the solutions are of different networks"),
        (lambda a, d: db.optimized_path(a, 3, d), "3 given where a solution"),
        (lambda a, d: db.optimized_path(a, a, d, "sgd"), "algorithm='sgd' does not train continuous networks"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InvalidInputError) as caught:
        call(solution("mlp", 0), data("mlp"))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
