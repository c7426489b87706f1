"""Random and principal directions against loops over filters and whole singular value decompositions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge.connectivity import Function, pca_directions, random_directions
from tests.deepbridge.continuous.problems import NETWORKS, data, solution
from tests.naive import surfaces as naive

seeds = st.integers(0, 2**32)


def landscape_of(name):
    return db.landscape(NETWORKS[name], data(name), dtype="float64")


@settings(max_examples=12)
@given(seeds, st.sampled_from(["mlp", "lenet", "vgg16", "resnet20"]), st.sampled_from(["filter", "layer"]))
def test_filters_and_layers_get_the_norms_of_the_solution(seed, name, by):
    landscape, one, module = landscape_of(name), solution(name, 1), NETWORKS[name].module()
    drawn = random_directions(landscape, one, 2, "none", seed)
    found = random_directions(landscape, one, 2, by, seed)
    point = naive.split(module, landscape.point(one).numpy())
    for raw, direction in zip(drawn, found, strict=True):
        wanted = naive.normalized(module, naive.split(module, raw), point, by)
        for a, b in zip(naive.split(module, direction), wanted, strict=True):
            assert a == pytest.approx(b, rel=1e-10)


def test_biases_and_batch_norms_have_no_direction():
    landscape = landscape_of("vgg16")
    state = landscape.state(torch.from_numpy(random_directions(landscape, solution("vgg16", 0), 1)[0]))
    for name, tensor in state.items():
        if name in landscape.network.parameters:
            assert bool(tensor.any()) == (tensor.ndim > 1)


def test_unscaled_directions_are_standard_normal_numbers():
    landscape = landscape_of("lenet")
    raw = random_directions(landscape, solution("lenet", 0), 40, "none")
    weights = raw[:, landscape.filters.numpy() >= 0]
    assert weights.mean() == pytest.approx(0, abs=4 / weights.size**0.5)
    assert weights.var() == pytest.approx(1, abs=4 * (2 / weights.size) ** 0.5)
    assert not raw[:, landscape.filters.numpy() < 0].any()


def test_a_seed_gives_the_same_directions_of_which_the_first_do_not_depend_on_their_number():
    landscape, one = landscape_of("mlp"), solution("mlp", 0)
    three = random_directions(landscape, one, 3, seed=5)
    assert np.array_equal(three[:2], random_directions(landscape, one, 2, seed=5))
    assert not np.array_equal(three[:2], random_directions(landscape, one, 2, seed=6))


def test_filters_that_are_zero_stay_zero():
    landscape = landscape_of("mlp")
    point = landscape.point(solution("mlp", 0)).numpy()
    dead = landscape.filters.numpy() == 2
    found = random_directions(landscape, np.where(dead, 0, point))
    assert not found[:, dead].any()
    assert np.isfinite(found).all()


def test_weights_that_are_not_trained_have_no_direction():
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    module[0].weight.requires_grad_(False)
    one = db.from_module(module, torch.zeros(2, 4))
    landscape = db.landscape(one.network, (np.zeros((5, 4)), np.zeros(5, int)))
    found = random_directions(landscape, one, 1)[0]
    assert np.count_nonzero(found) == 6


def test_units_of_binary_networks_are_filters_of_their_latents():
    network = db.BinaryMLP(9, (5, 5), 3)
    train = db.Dataset(bl.Patterns.random(6, 9, seed=0).inputs, np.arange(6) % 3, 3)
    landscape = db.landscape(network, train, dtype="float64")
    rng = np.random.default_rng(0)
    latents = rng.standard_normal(landscape.size)
    shapes = [(5, 9), (5, 5), (3, 5)][: len(network.free_layers)]
    filters = random_directions(landscape, latents, 1)[0]
    layers = random_directions(landscape, latents, 1, "layer")[0]
    done = 0
    for h, w in shapes:
        here = slice(done, done + h * w)
        norms = [np.linalg.norm(x[here].reshape(h, w), axis=1) for x in (filters, latents)]
        assert norms[0] == pytest.approx(norms[1])
        assert np.linalg.norm(layers[here]) == pytest.approx(np.linalg.norm(latents[here]))
        done += h * w
    assert done == landscape.size


def test_a_step_does_not_see_how_relu_units_are_scaled():
    """Filter normalisation: a unit times 5, its outgoing weights over 5, and the surface is the same."""
    landscape = landscape_of("mlp")
    one = solution("mlp", 3)
    state = {name: tensor.clone() for name, tensor in one.state.items()}
    names = [name for name in state if name.endswith("weight")]
    for tensor, factor in ((state[names[0]], 5.0), (state[names[1]], 0.2)):
        tensor *= factor
    state[names[0].replace("weight", "bias")] *= 5.0
    made = [
        db.connectivity.surface(landscape, x, points=5, extent=0.5, progress=False).losses for x in (one, one.at(state))
    ]
    assert made[0] == pytest.approx(made[1])


# Principal directions


@settings(max_examples=25)
@given(seeds, st.integers(4, 12), st.integers(3, 40), st.sampled_from(["mean", "last"]))
def test_principal_directions_are_singular_vectors(seed, points, size, centre):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((points, size)) * rng.uniform(0.5, 4, size) + rng.standard_normal(size)
    landscape = Function(lambda x: (x**2).sum(), size)
    found = pca_directions(landscape, rows, 2, centre)
    directions, fractions = naive.principal(rows, 2, centre)
    assert found.fractions == pytest.approx(fractions)
    assert found.directions @ found.directions.T == pytest.approx(np.eye(2), abs=1e-12)
    middle = rows.mean(0) if centre == "mean" else rows[-1]
    assert found.centre == pytest.approx(middle)
    spread = [((rows - middle) @ d.T @ d) for d in (found.directions, directions)]
    if fractions[1] > 1.01 * (naive.principal(rows, 3, centre)[1][2]):
        assert spread[0] == pytest.approx(spread[1], abs=1e-6 * np.abs(rows).max())
    assert ((rows[-1] - rows[0]) @ found.directions.T >= -1e-9).all()


def test_many_parameters_are_taken_in_blocks(monkeypatch):
    rows = np.random.default_rng(0).standard_normal((5, 33))
    landscape = Function(lambda x: (x**2).sum(), 33)
    whole = pca_directions(landscape, rows)
    monkeypatch.setattr("deepbridge.connectivity.directions.BLOCK", 20)
    assert pca_directions(landscape, rows).directions == pytest.approx(whole.directions)


def test_a_trajectory_in_a_plane_is_explained_by_two_directions():
    landscape = landscape_of("mlp")
    rng = np.random.default_rng(0)
    plane = np.linalg.qr(rng.standard_normal((landscape.size, 2)))[0].T
    places = np.array([[0.0, 0], [1, 3], [4, 4], [9, 4.5]])
    points = landscape.point(solution("mlp", 0)).numpy() + places @ plane
    found = pca_directions(landscape, [landscape.solution(torch.from_numpy(one)) for one in points])
    assert found.fractions.sum() == pytest.approx(1)
    surface = db.connectivity.surface(
        landscape, points[-1], found.directions, points=3, trajectory=points, progress=False
    )
    assert surface.trajectory.distances == pytest.approx(np.zeros(4), abs=1e-9)
    steps = [np.linalg.norm(np.diff(where, axis=0), axis=1) for where in (surface.trajectory.coordinates, places)]
    assert steps[0] == pytest.approx(steps[1])


BOWL = Function(lambda x: (x**2).sum(), 3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: random_directions(BOWL, [1, 2, 3], 0), "count=0 is not an integer"),
        (lambda: random_directions(BOWL, [1, 2, 3], normalization="weight"), "normalization='weight' is not one of"),
        (lambda: random_directions(BOWL, [1, 2], 2), "is not a point of 3 finite numbers"),
        (lambda: random_directions(5, [1, 2], 2), "is not a landscape"),
        (lambda: random_directions(BOWL, [1, 2, 3], seed=-1), "seed=-1"),
        (lambda: random_directions(BOWL, [1, 2, 3], 2**31 - 1), "of memory; this machine has"),
        (lambda: pca_directions(BOWL, [[1, 2, 3], [0, 0, 0]]), "2 points span at most 1 directions, not count=2"),
        (lambda: pca_directions(BOWL, [[1, 1, 1], [2, 2, 2], [3, 3, 3]]), "span fewer than 2 directions"),
        (lambda: pca_directions(BOWL, [[1, 1, 1]] * 3), "span fewer than 2 directions"),
        (lambda: pca_directions(BOWL, "abc"), "points='abc' are no list"),
        (lambda: pca_directions(BOWL, 3), "points=3 are no list"),
        (lambda: pca_directions(BOWL, np.eye(3), centre="first"), "centre='first' is not one of"),
    ],
)
def test_bad_arguments_are_one_line(call, words):
    with pytest.raises(InvalidInputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
