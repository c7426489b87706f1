"""Which unit is which: planted permutations, twins in plain NumPy, all permutations of small networks."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import deepbridge as db
from binland.errors import InvalidInputError
from binland.rng import generator
from deepbridge.continuous.solutions import ContinuousSolution
from tests.deepbridge.continuous import modules
from tests.deepbridge.continuous.problems import (
    EVERY,
    blobs,
    close,
    data,
    disguised,
    mlp_layers,
    near,
    shuffled,
    solution,
)
from tests.naive import continuous as naive

METHODS = ["greedy", "coordinate", "activations"]
seeds = st.integers(0, 2**32)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", EVERY)
def test_two_disguises_of_one_network_are_at_distance_0_once_aligned(name, method):
    one, there = solution(name, 1), data(name, 1)
    a, b = (db.normalize(disguised(name, one, seed)) for seed in (2, 3))
    match = db.align(b, a, method, there)
    assert db.distance(a, match.solution) < 1e-10
    assert db.distance(a, b) > 1
    assert close(match.solution.outputs(there[0]), b.outputs(there[0]), 1e-10)


def planted(one, rng):
    """Hidden units of a perceptron in another order, by hand."""
    state, orders = dict(one.state), []
    for k, size in enumerate(one.network.hidden):
        orders.append(rng.permutation(size))
        layer, after = 2 * k + 1, 2 * k + 3
        state = shuffled(state, orders[-1].tolist(), [f"{layer}.weight", f"{layer}.bias"], [f"{after}.weight"])
    return one.moved(state), orders


@pytest.fixture(scope="module")
def trained():
    """Two trained networks on one task."""
    algorithm = db.continuous.SGD(epochs=30, learning_rate=0.1, batch_size=16)
    network = db.MLP(8, (10, 6), 3)
    made = [db.fit(network, blobs(), algorithm, seed, progress=False) for seed in range(2)]
    assert all(one.error(blobs()) < 0.1 for one in made)
    return made


@pytest.mark.parametrize("method", METHODS)
def test_planted_permutations_of_trained_networks_are_undone(trained, method):
    for one, seed in itertools.product(trained, range(3)):
        other, orders = planted(one, np.random.default_rng(seed))
        match = db.align(other, one, method, blobs())
        for found, order in zip(match.permutation, orders, strict=True):
            assert np.array_equal(order[found], np.arange(len(order)))
        assert np.array_equal(match.solution.flat, one.flat)
        assert match.solution.history is one.history  # still the same solution


@pytest.mark.parametrize("method", METHODS)
def test_alignment_does_not_depend_on_the_order_in_which_units_come(trained, method):
    a, b = trained
    expected = db.align(b, a, method, blobs()).solution
    other, _ = planted(b, np.random.default_rng(0))
    if method == "coordinate":  # it depends on where the descents begin, so that only the end is compared
        found = db.align(other, a, method, restarts=20).solution
        assert naive.square(*map(mlp_layers, (found, a))) <= 1.02 * naive.square(*map(mlp_layers, (expected, a)))
    else:
        assert np.allclose(db.align(other, a, method, blobs()).solution.flat, expected.flat)


@pytest.mark.parametrize("method", METHODS)
def test_alignment_lowers_the_barrier_of_trained_networks(trained, method):
    a, b = trained
    matched = db.align(b, a, method, blobs()).solution
    before, after = (db.path(a, other, blobs(), "linear") for other in (b, matched))
    assert after.ainsworth < before.ainsworth


@settings(max_examples=25)
@given(seeds, st.lists(st.integers(1, 6), min_size=1, max_size=3))
def test_methods_against_their_twins(seed, hidden):
    network = db.MLP(4, tuple(hidden), 3)
    a, b = solution(network, seed), solution(network, seed + 1)
    layers = [mlp_layers(one) for one in (a, b)]
    found = db.align(b, a, "greedy").permutation
    assert all(map(np.array_equal, found, naive.greedy_matching(*layers)))
    found = db.align(b, a, "coordinate", seed=seed, restarts=1).permutation
    assert all(map(np.array_equal, found, naive.weight_matching(*layers, generator(seed, "align"))))


@settings(max_examples=15)
@given(seeds)
def test_correlations_against_a_twin(seed):
    network = db.MLP(4, (5, 4), 3)
    a = solution(network, seed)
    b = near(solution(network, seed + 1), seed, 0.1)
    inputs, labels = data(network, seed, 600)  # in several parts
    sent = [np.maximum(layer(inputs), 0) for one in (a, b) for layer in hidden(one)]
    assume(all((units > 0).any(0).all() for units in sent))  # no unit is constant
    found = db.align(b, a, "activations", (inputs, labels)).permutation
    assert all(map(np.array_equal, found, naive.correlation_matching(*map(mlp_layers, (a, b)), inputs)))


def hidden(one):
    """Pre-activations of each hidden layer as functions of the inputs."""
    layers = mlp_layers(one)
    return [lambda x, k=k: naive.outputs(layers[: k + 1], x) for k in range(len(layers) - 1)]


@settings(max_examples=25)
@given(seeds)
def test_one_hidden_layer_is_matched_as_well_as_possible(seed):
    network = db.MLP(3, (4,), 2 + 1)
    a, b = solution(network, seed), solution(network, seed + 1)
    layers = [mlp_layers(one) for one in (a, b)]
    best, order = min(naive.every_matching(*layers), key=lambda one: one[0])
    found = db.align(b, a, "coordinate", restarts=1)
    assert np.array_equal(found.permutation[0], order[0])
    assert db.continuous.geodesics.euclidean(a, found.solution) ** 2 == pytest.approx(best)


@settings(max_examples=25)
@given(seeds)
def test_coordinate_descent_lies_between_all_permutations_and_the_others(seed):
    network = db.MLP(3, (3, 3), 3)
    a, b = solution(network, seed), solution(network, seed + 1)
    layers = [mlp_layers(one) for one in (a, b)]
    best, _ = min(naive.every_matching(*layers), key=lambda one: one[0])

    def square(match):
        return naive.square(layers[0], mlp_layers(match.solution))

    found = square(db.align(b, a, "coordinate", seed=seed))
    assert best <= found * (1 + 1e-12)
    assert found <= square(db.align(b, a, "greedy")) * (1 + 1e-12)
    assert found <= naive.square(*layers) * (1 + 1e-12)
    assert square(db.align(b, a, "coordinate", seed=seed, restarts=40)) == pytest.approx(best)


@pytest.mark.parametrize("name", EVERY)
def test_coordinate_descent_is_never_farther_than_greedy_or_nothing(name):
    from deepbridge.continuous.geodesics import euclidean

    for seed in range(2):
        a, b = (db.normalize(solution(name, k)) for k in (seed, seed + 10))
        lengths = [euclidean(a, db.align(b, a, method, restarts=3).solution) for method in ("coordinate", "greedy")]
        assert lengths[0] <= min(lengths[1], euclidean(a, b)) * (1 + 1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["mlp", "lenet", "resnet20"])
def test_disguises_meet_at_their_common_centre(name, method):
    one = solution(name, 0)
    copies = [db.normalize(disguised(name, one, k)) for k in range(3)]
    found = [match.solution for match in db.align_many(copies, None, method, data(name), restarts=3)]
    assert max(db.distance(a, b) for a, b in itertools.combinations(found, 2)) < 1e-10
    assert all(
        close(a.outputs(data(name)[0]), b.outputs(data(name)[0]), 1e-9) for a, b in zip(found, copies, strict=True)
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_common_centre_is_nearer_than_none(trained, method):
    from deepbridge.continuous.alignment import mean_of
    from deepbridge.continuous.geodesics import euclidean

    some = [planted(one, np.random.default_rng(k))[0] for k in range(2) for one in trained]
    found = db.align_many(some, None, method, blobs(), seed=1)

    def scatter(solutions):
        return sum(euclidean(one, mean_of(solutions)) ** 2 for one in solutions)

    assert scatter([match.solution for match in found]) < scatter(some)
    for match, one in zip(found, some, strict=True):
        again = one
        for k, order in enumerate(match.permutation):
            layer, after = 2 * k + 1, 2 * k + 3
            own = [f"{layer}.weight", f"{layer}.bias"]
            again = again.moved(shuffled(again.state, order.tolist(), own, [f"{after}.weight"]))
        assert np.array_equal(again.flat, match.solution.flat)


def test_many_to_one_is_one_after_the_other():
    a, *others = [solution("mlp", k) for k in range(4)]
    for method in ("greedy", "activations"):
        found = db.align_many(others, a, method, data("mlp"))
        for match, one in zip(found, others, strict=True):
            assert np.array_equal(match.solution.flat, db.align(one, a, method, data("mlp")).solution.flat)


def test_seeds_decide_the_random_starts():
    a, b = solution("mlp", 0), solution("mlp", 1)
    for seed in range(3):
        one, other = (db.align(b, a, "coordinate", seed=seed, restarts=5).permutation for _ in range(2))
        assert all(map(np.array_equal, one, other))


def test_units_that_are_constant_on_the_data_are_matched_by_weights():
    one = solution("mlp", 0)
    state = {key: tensor.clone() for key, tensor in one.state.items()}
    state["1.bias"][:3] = -100.0  # never above zero
    dead = one.at(state)
    other, orders = planted(dead, np.random.default_rng(1))
    match = db.align(other, dead, "activations", data("mlp"))
    assert np.array_equal(orders[0][match.permutation[0]], np.arange(5))


def test_rows_of_zeros_do_not_disturb():
    state = {key: torch.zeros_like(tensor) for key, tensor in solution("mlp", 0).state.items()}
    zeros = solution("mlp", 0).at(state)
    for method in METHODS:
        match = db.align(zeros, solution("mlp", 1), method, data("mlp"))
        assert not match.solution.flat.any()


def test_no_hidden_layer_has_nothing_to_align():
    network = db.MLP(4, (), 3)
    for method in METHODS:
        match = db.align(solution(network, 0), solution(network, 1), method, data(network))
        assert match.permutation == ()
        assert np.array_equal(match.solution.flat, solution(network, 0).flat)


class Mixer(nn.Module):
    """Linear layers along the last of two axes: the first axis are positions, not units."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, inputs):
        sent = torch.relu(self.second(torch.relu(self.first(inputs))))
        return self.third(sent.mean(1))


def test_units_of_a_linear_layer_are_on_the_last_axis():
    axes = {"first.weight": ("a", None), "first.bias": ("a",), "second.weight": ("b", "a"), "second.bias": ("b",)}
    symmetry = db.Symmetry(axes | {"third.weight": (None, "b")})
    torch.manual_seed(1)
    inputs = np.random.default_rng(0).standard_normal((40, 5, 4))
    one = db.from_module(Mixer(), inputs, symmetry)
    state = shuffled(one.state, [3, 0, 1, 4, 2], ["first.weight", "first.bias"], ["second.weight"])
    state = shuffled(state, [1, 2, 0, 4, 3], ["second.weight", "second.bias"], ["third.weight"])
    match = db.align(one.at(state), one, "activations", (inputs, np.zeros(40, int)))
    assert np.array_equal(match.solution.flat, one.flat)


def test_of_several_layers_into_the_same_units_those_count_whose_inputs_are_placed():
    """The branch that is added to a stream reads units that are matched later: it would only be noise."""
    torch.manual_seed(0)
    inputs = np.random.default_rng(0).standard_normal((40, 2))
    one = db.from_module(modules.Stream().double(), inputs, modules.OF_STREAM)
    rng = np.random.default_rng(1)
    for method in METHODS:
        stream = ["a.weight", "a.bias", "d.weight", "d.bias"]
        state = shuffled(one.state, rng.permutation(12).tolist(), stream, ["b.weight", "c.weight"])
        state = shuffled(state, rng.permutation(15).tolist(), ["b.weight", "b.bias"], ["d.weight"])
        match = db.align(one.at(state), one, method, (inputs, np.zeros(40, int)))
        assert np.array_equal(match.solution.flat, one.flat)
        assert db.distance(match.solution, one) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: db.align(a, None), "None given where a solution of a continuous network is needed"),
        (lambda a: db.align(a, solution("binary", 0)), "the solutions are of different networks"),
        (lambda a: db.align(a, solution("mlp", 0, torch.float32)), "take both in one type"),
        (lambda a: db.align(a, a, "best"), "method='best' is not one of 'greedy', 'coordinate', 'activations'"),
        (lambda a: db.align(a, a, "activations"), "give data="),
        (lambda a: db.align(a, a, "activations", data("binary")), "reads inputs of shape (7,); the data have (6,)"),
        (lambda a: db.align(a, a, "coordinate", restarts=0), "restarts=0 is not an integer of at least 1"),
        (lambda a: db.align(a, a, "coordinate", seed="x"), "seed='x' is not"),
        (lambda a: db.align_many([a]), "is not a list of at least 2"),
        (lambda a: db.align_many(a), "is not a list of at least 2"),
        (lambda a: db.align_many([a, "b"]), "'b' given where a solution"),
        (lambda a: db.align_many([a, a], "b"), "'b' given where a solution"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InvalidInputError) as caught:
        call(solution("mlp", 0))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# Appendix of Git Re-Basin (arXiv 2209.04836), built anew


def two_units(first, bias, last, outer):
    """A network of two inputs, two hidden units and one output."""
    network = db.MLP(2, (2,), 1)
    values = {"1.weight": first, "1.bias": bias, "3.weight": [last], "3.bias": [outer]}
    return ContinuousSolution(network, {key: torch.tensor(v, dtype=torch.float64) for key, v in values.items()})


def test_two_networks_that_no_permutation_connects():
    """As in appendix A.6: zero error at both ends, a barrier for either order of the hidden units.

    The label of (x, y) in {-1, 1}^2 is whether they are equal. One network gives |x + y| - 1, the other 1 - |x - y|. In
    the middle of any line between them the outgoing weights cancel, so that the output is one constant for all inputs.
    """
    corners = np.array(list(itertools.product((-1.0, 1.0), repeat=2)))
    there = corners, (corners[:, 0] == corners[:, 1]).astype(int)
    a = two_units([[1.0, 1.0], [-1.0, -1.0]], [0.0, 0.0], [1.0, 1.0], -1.0)
    b = two_units([[1.0, -1.0], [-1.0, 1.0]], [0.0, 0.0], [-1.0, -1.0], 1.0)
    assert a.error_count(there) == b.error_count(there) == 0
    for order in ([0, 1], [1, 0]):
        moved = b.moved(shuffled(b.state, order, ["1.weight", "1.bias"], ["3.weight"]))
        assert db.path(a, moved, there, "linear", 3).errors[1] == 0.5
        assert db.barrier(a, moved, there, "linear") == 0.5
        assert db.barrier(a, moved, there, "geodesic") > 0
    for method in METHODS:
        assert db.barrier(a, db.align(b, a, method, there).solution, there, "linear") == 0.5


def test_greedy_matching_fails_where_coordinate_descent_does_not():
    """As in appendix A.7: a small difference of incoming weights misleads whoever does not see where units go.

    Both networks give the same hat of x, with the labels of whether it is above a half: unit 1 rises from x = 0, unit 2
    turns it down from x = 1. Their weights for y, +- 0.01, are exchanged, and y is 0 in the data. By incoming weights
    alone unit 1 is unit 2; then thresholds and outgoing weights are mixed in the middle.
    """
    x = np.array([-1.0, -0.5, 0.1, 0.3, 0.7, 0.9, 1.1, 1.3, 1.7, 2.0])
    there = np.stack([x, 0 * x], 1), ((x > 0.5) & (x < 1.5)).astype(int)
    a = two_units([[1.0, 0.01], [1.0, -0.01]], [0.0, -1.0], [1.0, -2.0], -0.5)
    b = two_units([[1.0, -0.01], [1.0, 0.01]], [0.0, -1.0], [1.0, -2.0], -0.5)
    assert a.error_count(there) == b.error_count(there) == 0
    greedy, coordinate = (db.align(b, a, method) for method in ("greedy", "coordinate"))
    assert greedy.permutation[0].tolist() == [1, 0]
    assert coordinate.permutation[0].tolist() == [0, 1]
    assert db.barrier(a, greedy.solution, there, "linear") > 0.2
    assert db.barrier(a, coordinate.solution, there, "linear") == 0
    assert db.align(b, a, "activations", there).permutation[0].tolist() == [0, 1]
