"""Guided, annealed and exact orders of paths between deep networks."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import binland as bl
import deepbridge as db
from deepbridge.binary import gradient
from deepbridge.binary.fields import Fields
from deepbridge.binary.gradient import Gradient
from deepbridge.binary.guided import balanced, guided_orders
from tests.deepbridge.problems import signs
from tests.naive import deep as naive
from tests.naive.gains import gains
from tests.problems import problems


@st.composite
def perceptrons(draw):
    """Up to three hidden layers."""
    n_outputs = draw(st.sampled_from([1, 3, 5]))
    hidden = tuple(draw(st.lists(st.integers(1, 12), max_size=3)))
    fixed = n_outputs == 1 and bool(hidden) and draw(st.booleans())
    return db.BinaryMLP(draw(st.integers(1, 20)), hidden, n_outputs, fixed_output=fixed)


@st.composite
def convnets(draw):
    """One or two convolutions and up to two fully connected layers; rows and columns that fill no pool."""
    filters = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=2)))
    size, pool = draw(st.integers(1, 3)), draw(st.integers(1, 3 if len(filters) == 1 else 2))
    smallest = 1
    for _ in filters:
        smallest = smallest * pool + size - 1
    shape = (draw(st.integers(1, 3)), *(smallest + draw(st.integers(0, 3)) for _ in range(2)))
    hidden = tuple(draw(st.lists(st.integers(1, 9), max_size=2)))
    return db.BinaryConvNet(shape, filters, hidden, draw(st.sampled_from([1, 3])), size, pool)


@st.composite
def networks(draw, kinds=st.one_of(perceptrons(), convnets())):  # noqa: B008
    """A network, data with real inputs, and two solutions with ties of any kind."""
    rng, network = np.random.default_rng(draw(st.integers(0, 2**32))), draw(kinds)
    n_outputs, count = network.n_outputs, draw(st.integers(1, 90 if isinstance(network, db.BinaryMLP) else 12))
    inputs = rng.integers(-3, 4, (count, *network.input_shape)).astype(np.int16)
    labels = signs(rng, count) if n_outputs == 1 else rng.integers(0, n_outputs, count)
    data = db.Dataset(inputs, labels, 2 if n_outputs == 1 else n_outputs, scale=0.5)
    ties = tuple(
        signs(rng, layer.n_units) if network.symmetry(k).sign_reversal else np.ones(layer.n_units, np.int8)
        for k, layer in enumerate(network.hidden_layers)
    )
    made = [db.Solution(network, tuple(signs(rng, shape) for shape in network.weight_shapes), None, ties) for _ in "ab"]
    return network, data, made[0], made[1], rng


def errors_of(network, data, weights, ties):
    pool = getattr(network, "pool", 1)
    z = naive.logits(network.split(weights), data.inputs, ties, pool, network.fixed_output)
    return int(np.sum(naive.classes(z) != data.classes))


@given(networks())
def test_errors_after_every_single_flip_are_exact(case):
    network, data, start, _, rng = case
    places = rng.integers(0, network.n_weights, 25)
    fields = Fields(start, data)
    weights = start.flat.copy()
    assert fields.error_count == errors_of(network, data, weights, start.ties)
    expected = []
    for place in places:
        weights[place] *= -1
        expected.append(errors_of(network, data, weights, start.ties))
    assert fields.follow(places).tolist() == expected
    assert fields.follow(places[::-1])[-1] == errors_of(network, data, start.flat, start.ties)


@given(networks(), st.integers(1, 6), st.integers(1, 4), st.sampled_from([0.0, 0.1, 1.0]), st.sampled_from([0.2, 2.0]))
def test_guided_paths_are_shortest_paths_with_exact_errors(case, stages, candidates, forced, window):
    network, data, start, end, _ = case
    order = db.Guided(stages=stages, candidates=candidates, forced=forced, window=window)
    path = db.shortest_path(start, end, data, points="all", order=order)
    assert sorted(path.flipped) == np.flatnonzero(start.flat != end.flat).tolist()
    weights, expected = start.flat.copy(), [errors_of(network, data, start.flat, start.ties)]
    for place in path.flipped:
        weights[place] *= -1
        expected.append(errors_of(network, data, weights, start.ties))
    assert path.error_counts.tolist() == expected
    half = path.solution(0.5)
    assert half.error_count(data) == expected[round(0.5 * path.length)]


@given(networks(), st.integers(1, 5), st.integers(1, 3), st.sampled_from([0.0, 0.1, 1.0]))
def test_pairs_together_are_as_each_alone(case, stages, candidates, forced):
    network, data, start, end, rng = case
    third = db.Solution(network, tuple(signs(rng, shape) for shape in network.weight_shapes))
    pairs = [(start, end), (end, start), (third, end), (third, third)]
    order = db.Guided(stages=stages, candidates=candidates, forced=forced)
    together = db.shortest_paths(pairs, data, order=order)
    for pair, path in zip(pairs, together, strict=True):
        alone = db.shortest_path(*pair, data, order=order)
        assert alone.flipped.tolist() == path.flipped.tolist()
        assert alone.error_counts.tolist() == path.error_counts.tolist()


@given(problems(max_inputs=40, max_patterns=100, kinds=("perceptron", "ones")), st.integers(1, 6), st.integers(1, 4))
def test_of_one_and_two_layers_they_are_the_shallow_ones(problem, stages, candidates):
    start, end, patterns = problem.solution(), problem.solution(), problem.patterns
    settings = {"stages": stages, "candidates": candidates, "steepness": 2.0, "window": 0.25}
    shallow = bl.shortest_path(start, end, patterns, order=bl.Guided(**settings))
    deep = (db.Solution.from_shallow(one) for one in (start, end))
    path = db.shortest_path(*deep, patterns, points="all", order=db.Guided(**settings))
    assert path.flipped.tolist() == shallow.flipped.tolist()
    assert path.error_counts.tolist() == shallow.error_counts.tolist()


def loss(network, data, weights, steepness):
    """Mean cross-entropy of the outputs times steepness / sqrt(fan-in)."""
    z = naive.logits(network.split(weights), data.inputs, fixed_output=network.fixed_output).astype(float)
    z *= steepness / np.sqrt(network.layers[-1].fan_in)
    if network.n_outputs == 1:
        return np.mean(np.logaddexp(0, -(2 * data.classes - 1) * z[:, 0]))
    return np.mean(np.logaddexp.reduce(z, axis=1) - z[np.arange(len(z)), data.classes])


def test_gains_of_the_output_layer_are_the_slope_of_the_cross_entropy():
    """Weights of the last layer change the loss as their gains say: the rank of the gains is that of small changes."""
    rng = np.random.default_rng(0)
    network = db.BinaryMLP(15, (301,), 4)
    data = db.Dataset(rng.integers(-3, 4, (400, 15)).astype(np.int16), rng.integers(0, 4, 400), 4)
    here = db.Solution(network, tuple(signs(rng, shape) for shape in network.weight_shapes))
    settings = db.Guided(steepness=0.5)
    gains = Gradient(network, data, [here], settings, "cpu").gains()[0]
    last = np.arange(network.n_weights - 4 * 301, network.n_weights)
    before, changes = loss(network, data, here.flat, 0.5), []
    for place in last:
        weights = here.flat.copy()
        weights[place] *= -1
        changes.append(before - loss(network, data, weights, 0.5))
    assert np.corrcoef(gains[last], changes)[0, 1] > 0.99


def test_gains_are_exact_integers_whatever_the_threads():
    rng = np.random.default_rng(0)
    network = db.BinaryMLP(50, (31, 21), 5)
    data = db.Dataset(rng.integers(-2000, 2001, (700, 50)).astype(np.int16), rng.integers(0, 5, 700), 5, scale=1 / 2048)
    here = [db.Solution(network, tuple(signs(rng, shape) for shape in network.weight_shapes)) for _ in range(3)]
    before, found = torch.get_num_threads(), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(Gradient(network, data, here, db.Guided(), "cpu").gains())
    torch.set_num_threads(before)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], np.rint(found[0]))
    alone = [Gradient(network, data, [one], db.Guided(), "cpu").gains()[0] for one in here]
    assert np.array_equal(found[0], np.stack(alone))


@given(networks(), st.sampled_from([0.3, 2.0]), st.sampled_from([0.5, 4.0]), st.sampled_from([1, 200, 2**24]))
def test_gains_are_those_of_plain_loops(case, window, steepness, room):
    """However many positions are gathered at once, of several networks together, and after flips."""
    network, data, start, end, rng = case
    if not network.hidden_layers:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradient, "PATCHES", room)
        found = Gradient(network, data, [start, end], db.Guided(window=window, steepness=steepness), "cpu")
        flipped = rng.choice(network.n_weights, rng.integers(0, network.n_weights + 1), replace=False)
        found.flip(1, flipped)
        moved = end.flat.copy()
        moved[flipped] *= -1
        for weights, row in zip((start.flat, moved), found.gains(), strict=True):
            given_ = network.split(weights), data.inputs, data.classes, start.ties, getattr(network, "pool", 1)
            assert np.array_equal(row, gains(*given_, data.scale, steepness, window, network.fixed_output))


@given(networks(perceptrons().filter(lambda network: network.hidden and not network.fixed_output)), st.integers(1, 6))
def test_a_filter_of_one_pixel_is_a_fully_connected_layer(case, stages):
    network, data, start, end, _ = case
    n, hidden = network.n_inputs, network.hidden
    network = db.BinaryConvNet((n, 1, 1), hidden[:1], hidden[1:], network.n_outputs, filter_size=1, pool=1)
    images = db.Dataset(data.inputs.reshape(-1, n, 1, 1), data.labels, data.n_classes, data.scale)
    order = db.Guided(stages=stages)
    found = []
    for patterns, shapes in ((data, start.network.weight_shapes), (images, network.weight_shapes)):
        which = start.network if patterns is data else network
        pair = [
            db.Solution(which, tuple(w.reshape(shape) for w, shape in zip(one.weights, shapes, strict=True)))
            for one in (start, end)
        ]
        path = db.shortest_path(*pair, patterns, points="all", order=order)
        rows = Gradient(which, patterns, pair, order, "cpu").gains().tolist()
        found.append((rows, path.flipped.tolist(), path.error_counts.tolist()))
    assert found[0] == found[1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@given(networks(), st.integers(1, 6), st.sampled_from([0.2, 2.0]))
def test_a_gpu_guides_the_same_paths(case, stages, window):
    network, data, start, end, _ = case
    order = db.Guided(stages=stages, window=window)
    gains = [Gradient(network, data, [start, end], order, device).gains() for device in ("cpu", "cuda")]
    assert np.array_equal(*gains)
    paths = [db.shortest_path(start, end, data, order=order, device=device) for device in ("cpu", "cuda")]
    assert paths[0].flipped.tolist() == paths[1].flipped.tolist()


def test_layers_are_balanced():
    gains = balanced(np.array([1, 2, 3, 100, 300, 7], np.float32), np.array([0, 0, 0, 1, 1, 2]))
    assert gains[:3].std() == pytest.approx(1)
    assert gains[3:5].std() == pytest.approx(1)
    assert gains[5] == 7


def near(flips, seed, network=db.BinaryMLP(9, (7, 5), 3)):  # noqa: B008
    rng = np.random.default_rng(seed)
    inputs = rng.integers(-3, 4, (60, *network.input_shape)).astype(np.int16)
    data = db.Dataset(inputs, rng.integers(0, 3, 60), 3)
    start = db.Solution(network, tuple(signs(rng, shape) for shape in network.weight_shapes))
    flat = start.flat.copy()
    flat[rng.choice(len(flat), flips, replace=False)] *= -1
    return start, db.Solution(network, network.split(flat)), data


@pytest.mark.parametrize("network", [db.BinaryMLP(9, (7, 5), 3), db.BinaryConvNet((1, 6, 6), (2,), (3,), 3, 2, 2)])
@pytest.mark.parametrize("flips", [0, 1, 5])
def test_the_exact_order_is_the_best_of_all(flips, network):
    start, end, data = near(flips, flips, network)
    path = db.shortest_path(start, end, data, points="all", order="exact")
    lowest = []
    for order in permutations(np.flatnonzero(start.flat != end.flat)):
        fields = Fields(start, data)
        lowest.append(max(fields.error_count, *fields.follow(np.array(order, np.int64)), 0))
    assert path.error_counts.max() == min(lowest)


@pytest.mark.parametrize("network", [db.BinaryMLP(9, (7, 5), 3), db.BinaryConvNet((2, 5, 5), (2, 3), (), 3, 2, 1)])
def test_annealed_orders_find_it(network):
    for seed in range(5):
        start, end, data = near(11, seed, network)
        lowest = db.barrier(start, end, data, points="all", order="exact").mean
        order = bl.Annealed(start="random", budget=20_000)
        assert db.barrier(start, end, data, 1, points="all", order=order).mean == lowest
        guided = db.barrier(start, end, data, points="all", order="guided").mean
        assert lowest <= db.barrier(start, end, data, 1, points="all", order="annealed").mean <= guided


def test_a_guide_of_ones_own():
    start, end, data = near(11, 0)

    def guide(solution, places, given):
        assert given is data
        assert isinstance(solution, db.Solution)
        return -places

    path = db.shortest_path(start, end, data, order=db.Guided(stages=3, candidates=1, guide=guide))
    assert path.flipped.tolist() == np.flatnonzero(start.flat != end.flat).tolist()


def test_guided_paths_between_trained_networks_are_lower():
    train, _ = db.load("digits", per_class=40)
    network = db.BinaryMLP(64, (31, 31), 10)
    algorithm = db.SGD(optimizer="adam", learning_rate=0.003, epochs=30)
    a, b = db.fit_many(network, train, algorithm, [0, 1], progress=False)
    b = db.align(b, to=a).solution
    random = db.barrier(a, b, train, points="all").samples.min()
    assert db.barrier(a, b, train, points="all", order=db.Guided(stages=60)).mean < random / 2


def test_what_does_not_fit():
    start, end, data = near(11, 0)
    with pytest.raises(ValueError, match="not a list of pairs"):
        db.shortest_paths([], data)
    with pytest.raises(ValueError, match="not a list of pairs"):
        db.shortest_paths([start, end], data)
    with pytest.raises(ValueError, match="deepbridge Solution is needed"):
        db.shortest_paths([(start, None)], data)
    with pytest.raises(ValueError, match="orders=2, but a path has one guided order"):
        db.barrier(start, end, data, 2, order="guided")
    with pytest.raises(ValueError, match="is not one of"):
        db.shortest_path(start, end, data, order="best")


def test_many_pairs_in_one_call_know_their_settings():
    start, end, data = near(11, 0)
    (path,) = guided_orders([(start, end)], data, db.Guided(stages=4), "cpu")
    assert db.shortest_path(start, end, data, order=db.Guided(stages=4)).flipped.tolist() == path.tolist()
    assert db.shortest_path(start, end, data, order="guided").order == db.Guided()


@pytest.mark.parametrize("change", [{"steepness": 5000.0}, {"steepness": 1e12}, {"window": 1e-12}])
def test_extreme_surrogates(change):
    rng = np.random.default_rng(0)
    network = db.BinaryMLP(9, (5, 3))
    start, end = (db.Solution(network, tuple(signs(rng, shape) for shape in network.weight_shapes)) for _ in range(2))
    inputs = rng.integers(-3, 4, (50, 9)).astype(np.int16)
    data = db.Dataset(inputs, start.predict(inputs), 2)
    path = db.shortest_path(start, end, data, order=db.Guided(stages=5, **change))
    assert sorted(path.flipped) == np.flatnonzero(start.flat != end.flat).tolist()


def test_windows_as_wide_as_anything_take_no_more_memory_than_the_fields():
    start, end, data = near(11, 0)
    wide = db.Dataset(data.inputs, data.labels, 3, scale=1e-9)
    for order in (db.Guided(stages=3, window=1e12), db.Guided(stages=3, steepness=1e-12)):
        for patterns in (data, wide):
            assert db.shortest_path(start, end, patterns, order=order).length == 11


def test_sums_of_many_patterns_are_exact():
    """Beyond 2^24 the gains of the output layer are summed in float64: the order of the patterns changes nothing."""
    rng = np.random.default_rng(0)
    network = db.BinaryMLP(3, (5,), 3)
    here = db.Solution(network, tuple(signs(rng, shape) for shape in network.weight_shapes))
    inputs, labels = rng.integers(-3, 4, (40_000, 3)).astype(np.int16), rng.integers(0, 3, 40_000)
    inputs[0] = -(2**15)
    found = []
    for rows in (np.arange(40_000), rng.permutation(40_000)):
        data = db.Dataset(inputs[rows], labels[rows], 3)
        found.append(Gradient(network, data, [here], db.Guided(steepness=0.3), "cpu").gains())
    assert np.array_equal(found[0], found[1])


def test_ties_of_the_end_do_not_disturb_the_choice():
    """Single flips are followed with the ties of the start; reported errors are exact with those of the nearer end."""
    rng = np.random.default_rng(3)
    network = db.BinaryMLP(6, (4, 4), 3)
    data = db.Dataset(rng.integers(-1, 2, (30, 6)).astype(np.int16), rng.integers(0, 3, 30), 3)
    weights = [tuple(signs(rng, shape) for shape in network.weight_shapes) for _ in range(2)]
    start, end = db.Solution(network, weights[0]), db.Solution(network, weights[1], None, (-np.ones(4), -np.ones(4)))
    for order in ("guided", "annealed"):
        path = db.shortest_path(start, end, data, points="all", order=order)
        assert path.error_counts[0] == start.error_count(data)
        assert path.error_counts[-1] == end.error_count(data)
