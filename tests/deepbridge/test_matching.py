import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError
from binland.rng import generator
from deepbridge.binary.correlations import correlations
from deepbridge.binary.moves import transformed
from deepbridge.binary.symmetry import METHODS, _drawn, align
from tests.deepbridge.problems import Problem, convnets, naive_classes, networks, perceptrons, random_data
from tests.naive import matching as naive

methods = st.sampled_from(METHODS)


def as_integers(solution):
    return [layer.astype(np.int64) for layer in solution.weights]


def reversible(network):
    return [network.symmetry(k).sign_reversal for k in range(len(network.hidden_layers))]


@pytest.fixture(scope="module")
def trained():
    """Two solutions of a perceptron with two hidden layers, of a committee, and of a convolutional network."""
    train, _ = db.load("digits", task="parity")
    few, _ = db.load("digits", per_class=60)
    return [
        (data, db.fit_many(network, data, db.SGD(epochs=15, learning_rate=2.0), range(2), progress=False))
        for network, data in (
            (db.BinaryMLP(64, (21, 15)), train),
            (db.BinaryMLP(64, (15,), fixed_output=True), train),
            (db.BinaryConvNet((1, 8, 8), (6,), (15,), filter_size=3), few),
        )
    ]


@given(networks, methods)
def test_no_prediction_changes(problem, method):
    a, b = problem.solution(), problem.solution(latents=True, zeros=0.2)
    match = align(b, a, method, problem.data, restarts=1)
    assert np.array_equal(naive_classes(match.solution, problem.data.inputs), naive_classes(b, problem.data.inputs))
    again = transformed(b, list(match.permutation), list(match.signs))
    for found, expected in zip(match.solution.weights, again.weights, strict=True):
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("method", METHODS)
def test_planted_symmetries_of_trained_networks_are_undone(trained, method):
    for data, solutions in trained:
        for k, solution in enumerate(solutions):
            planted = Problem(solution.network, data, np.random.default_rng(k)).symmetry()
            turned = transformed(solution, *planted)
            match = align(turned, solution, method, data)
            assert db.hamming(match.solution, solution) == 0
            assert all(np.all(ties == 1) for ties in match.solution.ties)


def test_trained_networks_stay_what_they_are(trained):
    for data, (a, b) in trained:
        for method in METHODS:
            assert np.array_equal(align(b, a, method, data).solution.predict(data.inputs), b.predict(data.inputs))


@given(networks, st.integers(0, 3))
def test_coordinate_descent_is_never_farther_than_greedy_or_no_move(problem, restarts):
    a, b = problem.solution(), problem.solution()
    found = [db.hamming(a, align(b, a, "coordinate", seed=3, restarts=n).solution) for n in (restarts + 2, restarts)]
    others = [db.hamming(a, align(b, a).solution), db.hamming(a, b)]
    assert found == sorted(found)
    assert found[1] <= min(others)


@settings(max_examples=30)
@given(st.one_of(perceptrons(max_inputs=9, max_hidden=7), convnets()), st.integers(0, 99))
def test_coordinate_descent_is_that_of_the_plain_twin(problem, seed):
    network = problem.network
    assume(all(layer.n_units < 10 for layer in network.hidden_layers))
    a, b = problem.solution(), problem.solution()
    target, weights, rngs = as_integers(a), as_integers(b), generator(seed, "align").spawn(4)
    stay = [(np.arange(layer.n_units), np.ones(layer.n_units, int)) for layer in network.hidden_layers]
    greedy = align(b, a)
    starts = [stay, list(zip(greedy.permutation, greedy.signs, strict=True)), *(_drawn(network, r) for r in rngs[2:])]
    ends = [
        naive.descent(weights, target, start, reversible(network), rng) for start, rng in zip(starts, rngs, strict=True)
    ]
    nearest = min(ends, key=lambda moves: naive.distance(naive.moved(weights, moves), target))
    match = align(b, a, "coordinate", seed=seed, restarts=2)
    for (permutation, signs), *found in zip(nearest, match.permutation, match.signs, strict=True):
        assert np.array_equal(permutation, found[0])
        assert np.array_equal(signs, found[1])


@given(perceptrons(max_inputs=5, max_hidden=4, max_layers=1), st.integers(0, 9))
def test_with_one_hidden_layer_no_symmetry_leads_nearer(problem, seed):
    assume(problem.network.hidden and problem.network.hidden[0] <= 4)
    a, b = problem.solution(), problem.solution()
    units, (both,) = problem.network.hidden[0], reversible(problem.network)
    best = min(
        naive.distance(naive.moved(as_integers(b), [(order, signs)]), as_integers(a))
        for order in itertools.permutations(range(units))
        for signs in itertools.product((1, -1) if both else (1,), repeat=units)
    )
    found = align(b, a, "coordinate", seed=seed, restarts=0).solution
    assert np.count_nonzero(found.flat != a.flat) == best


def test_with_two_hidden_layers_restarts_find_the_nearest():
    """Of 12 pairs, with all 2304 symmetries of each; the descents from no move and from greedy miss some."""
    network, rng, missed = db.BinaryMLP(5, (3, 3), 3), np.random.default_rng(0), {0: 0, 30: 0}
    one = list(itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)))
    for _ in range(12):
        problem = Problem(network, None, rng)
        a, b = problem.solution(), problem.solution()
        weights, target = as_integers(b), as_integers(a)
        best = min(naive.distance(naive.moved(weights, moves), target) for moves in itertools.product(one, one))
        for restarts in missed:
            found = align(b, a, "coordinate", restarts=restarts).solution
            missed[restarts] += np.count_nonzero(found.flat != a.flat) > best
    assert missed[30] == 0 < missed[0]


@given(networks)
def test_correlations_are_those_of_the_plain_twin(problem):
    network, data = problem.network, problem.data
    a, b = (transformed(problem.solution(), *problem.symmetry()) for _ in range(2))  # ties of -1, too
    pool = getattr(network, "pool", 2)
    ours, theirs = (naive.outputs(as_integers(one), data.inputs, one.ties, pool) for one in (a, b))
    for found, x, y in zip(correlations(a, b, data), ours, theirs, strict=True):
        assert np.allclose(found, [[naive.correlation(i, j) for j in y] for i in x], atol=1e-12)


@pytest.mark.parametrize(
    ("network", "n_patterns"),
    [
        (db.BinaryMLP(7, (70, 3)), 1100),
        (db.BinaryMLP(7, (70, 3)), 3),
        (db.BinaryConvNet((1, 6, 6), (3,), (2,), 1, 2), 150),
    ],
)
def test_correlations_over_blocks_of_patterns_and_words_of_units(network, n_patterns):
    rng = np.random.default_rng(0)
    problem = Problem(network, random_data(rng, network.input_shape, 2, n_patterns), rng)
    a, b = problem.solution(), problem.solution()
    ours, theirs = (naive.outputs(as_integers(one), problem.data.inputs, one.ties, 2) for one in (a, b))
    for found, x, y in zip(correlations(a, b, problem.data), ours, theirs, strict=True):
        assert np.allclose(found, [[naive.correlation(i, j) for j in y] for i in x], atol=1e-12)


@given(perceptrons(max_inputs=6, max_hidden=5))
def test_no_other_places_correlate_more(problem):
    assume(max(problem.network.hidden, default=1) <= 5)
    a, b = problem.solution(), problem.solution()
    match = align(b, a, "activations", problem.data)
    ours, theirs = (naive.outputs(as_integers(one), problem.data.inputs, one.ties, 2) for one in (match.solution, a))
    for x, y, both in zip(ours, theirs, reversible(problem.network), strict=True):
        fits = np.array([[naive.correlation(i, j) for j in x] for i in y])
        sizes, units = np.abs(fits) if both else fits, range(len(x))
        best = max(sum(sizes[h, p[h]] for h in units) for p in itertools.permutations(units))
        assert np.isclose(fits.trace(), best, atol=1e-9)


def test_a_unit_that_never_changes_correlates_with_none():
    network = db.BinaryMLP(2, (2,))
    data = db.Dataset(np.array([[1, 0], [2, 1]], np.int16), [1, -1], 2)
    solution = db.Solution(network, [[[1, 1], [-1, 1]], [[1, 1]]])
    assert np.array_equal(correlations(solution, solution, data), np.zeros((1, 2, 2)))


def test_both_kinds_of_data_and_data_that_are_not_needed():
    patterns = bl.Patterns.random(20, 9, 0)
    problem = Problem(db.BinaryMLP(9, (4,)), db.Dataset.from_patterns(patterns), np.random.default_rng(0))
    a, b = problem.solution(), problem.solution()
    found = [align(b, a, "activations", data).solution.flat for data in (patterns, problem.data)]
    assert np.array_equal(*found)
    for method in ("greedy", "coordinate"):
        assert np.array_equal(align(b, a, method, patterns).solution.flat, align(b, a, method).solution.flat)


def test_a_seed_gives_one_result_and_leaves_other_generators_alone():
    problem = Problem(db.BinaryMLP(9, (5, 4, 6)), None, np.random.default_rng(1))
    a, b = problem.solution(), problem.solution()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    one, two = (align(b, a, "coordinate", seed=5).solution.flat for _ in range(2))
    assert np.array_equal(one, two)
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "best"}, "method='best' is not one of 'greedy', 'coordinate', 'activations'"),
        ({"method": "activations"}, 'method="activations" compares outputs on data, and none are given; give data'),
        ({"method": "activations", "data": np.ones(3)}, "ndarray given where a Dataset or Patterns are needed"),
        ({"method": "activations", "data": bl.Patterns.random(4, 5, 0)}, "9 inputs but the data are of shape"),
        ({"method": "coordinate", "restarts": -1}, "restarts=-1 is not an integer of at least 0"),
        ({"method": "coordinate", "restarts": 10**5}, "restarts=100000 is more than 10000"),
        ({"method": "coordinate", "seed": None}, "seed=None"),
    ],
)
def test_messages(arguments, message):
    problem = Problem(db.BinaryMLP(9, (2,)), None, np.random.default_rng(0))
    with pytest.raises(InvalidInputError, match=message):
        align(problem.solution(), problem.solution(), **arguments)
