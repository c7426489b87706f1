import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge.binary.greedy import _greedy
from deepbridge.binary.moves import moved, transformed
from deepbridge.binary.networks import Conv
from tests.deepbridge.problems import (
    Problem,
    convnets,
    distinct_units,
    every_input,
    naive_classes,
    networks,
    perceptrons,
    random_data,
)


@given(networks)
def test_exact_symmetries_change_no_prediction(problem):
    solution = problem.solution(latents=True, zeros=0.2)
    turned = transformed(solution, *problem.symmetry())
    assert np.array_equal(naive_classes(turned, problem.data.inputs), naive_classes(solution, problem.data.inputs))
    assert np.array_equal(turned.predict(problem.data.inputs), solution.predict(problem.data.inputs))
    for weights, latents in zip(turned.weights, turned.latents, strict=True):
        assert np.array_equal(weights, np.where(latents >= 0, 1, -1))


@given(networks)
def test_align_undoes_planted_symmetries(problem):
    solution = problem.solution()
    assume(distinct_units(solution))
    permutation, reversal = problem.symmetry()
    turned = transformed(solution, permutation, reversal)
    match = db.align(turned, to=solution)
    assert db.hamming(match.solution, solution) == 0
    for ties in match.solution.ties:
        assert np.all(ties == 1)
    again = transformed(turned, list(match.permutation), list(match.signs))
    assert np.array_equal(again.flat, match.solution.flat)


@given(networks)
def test_align_changes_no_prediction_and_is_never_worse_than_no_alignment(problem):
    a, b = problem.solution(latents=True), problem.solution(latents=True, zeros=0.2)
    match = db.align(b, to=a)
    assert np.array_equal(naive_classes(match.solution, problem.data.inputs), naive_classes(b, problem.data.inputs))
    assert db.hamming(a, match.solution) <= db.hamming(a, b)
    for weights, latents in zip(match.solution.weights, match.solution.latents, strict=True):
        assert np.array_equal(weights, np.where(latents >= 0, 1, -1))


@given(perceptrons(max_inputs=8, max_hidden=6))
def test_align_changes_no_prediction_on_any_input(problem):
    a, b = problem.solution(), problem.solution()
    inputs = every_input(problem.network.n_inputs)
    assert np.array_equal(naive_classes(db.align(b, to=a).solution, inputs), naive_classes(b, inputs))


@given(convnets())
def test_filters_in_front_of_a_max_pool_are_permuted_only(problem):
    a, b = problem.solution(), problem.solution()
    match = db.align(b, to=a)
    for layer, signs in zip(problem.network.hidden_layers, match.signs, strict=True):
        if isinstance(layer, Conv):
            assert np.all(signs == 1)


def test_reversing_a_filter_would_change_the_function():
    rng = np.random.default_rng(0)
    network = db.BinaryConvNet((1, 6, 6), (3,), (5,), 1, 3, 2)
    problem = Problem(network, random_data(rng, (1, 6, 6), 2, 200), rng)
    solution = problem.solution()
    permutation = [np.arange(3), np.arange(5)]
    reversal = [np.array([1, -1, 1], np.int8), np.ones(5, np.int8)]
    weights = moved(network, solution.weights, 0, permutation[0], reversal[0])
    changed = db.Solution(network, weights)
    assert np.any(naive_classes(changed, problem.data.inputs) != naive_classes(solution, problem.data.inputs))
    with pytest.raises(InvalidInputError, match="cannot be reversed"):
        transformed(solution, permutation, reversal)


def test_a_reversed_unit_without_its_tie_would_change_the_function():
    network = db.BinaryMLP(2, (1,))
    inputs = every_input(2)
    solution = db.Solution(network, [[[1, 1]], [[1]]])
    reversed_unit = transformed(solution, [np.array([0])], [np.array([-1], np.int8)])
    assert np.array_equal(naive_classes(reversed_unit, inputs), naive_classes(solution, inputs))
    without = db.Solution(network, reversed_unit.weights)
    assert np.any(naive_classes(without, inputs) != naive_classes(solution, inputs))


@given(perceptrons(max_inputs=5, max_hidden=4, max_layers=1, min_layers=1, fixed=False))
def test_align_of_one_hidden_layer_maximises_the_overlap_of_its_units(problem):
    a, b = problem.solution(), problem.solution()
    match = db.align(b, to=a)
    assume(db.hamming(a, match.solution) < db.hamming(a, b))
    overlaps = a.weights[0].astype(int) @ b.weights[0].astype(int).T
    units = range(len(overlaps))
    best = max(sum(abs(overlaps[h, p[h]]) for h in units) for p in itertools.permutations(units))
    assert np.sum(a.weights[0] * match.solution.weights[0].astype(int)) == best


def test_replicas_move_along():
    train, _ = db.load("digits", per_class=5)
    network = db.BinaryMLP(64, (7, 5), 10)
    a, b = (db.fit(network, train, db.RSGD(epochs=2, replicas=3, learning_rate=1.0), seed) for seed in (0, 1))
    match = db.align(b, to=a)
    assert any(np.any(signs < 0) for signs in match.signs)
    for r in range(3):
        alone = transformed(
            db.Solution(network, [layer[r] for layer in b.replicas.weights]), list(match.permutation), list(match.signs)
        )
        assert all(np.array_equal(x[r], y) for x, y in zip(match.solution.replicas.weights, alone.weights, strict=True))
        before = db.Solution(network, [layer[r] for layer in b.replicas.weights])
        after = db.Solution(network, [layer[r] for layer in match.solution.replicas.weights], ties=match.solution.ties)
        assert np.array_equal(after.predict(train.inputs), before.predict(train.inputs))


def test_a_solution_stays_where_the_greedy_matching_would_end_farther_away():
    """The first layer ties, so that its units are exchanged, for which the second one pays."""
    network = db.BinaryMLP(1, (2,), 3)
    reference = db.Solution(network, [[[1], [-1]], [[1, 1], [1, 1], [1, 1]]])
    for first in itertools.product((-1, 1), repeat=2):
        for second in itertools.product((-1, 1), repeat=6):
            other = db.Solution(network, [np.reshape(first, (2, 1)), np.reshape(second, (3, 2))])
            match = db.align(other, to=reference)
            assert db.hamming(match.solution, reference) <= db.hamming(other, reference)


@pytest.mark.parametrize("n_outputs", [1, 10])
def test_units_with_equal_incoming_weights_are_told_apart_by_their_outgoing_ones(n_outputs):
    """Two inputs: of nine units, at least seven share their incoming weights with another, up to sign."""
    network, rng = db.BinaryMLP(2, (9,), n_outputs), np.random.default_rng(0)
    for _ in range(20):
        problem = Problem(network, None, rng)
        solution = problem.solution()
        match = db.align(transformed(solution, *problem.symmetry()), to=solution)
        assert db.hamming(match.solution, solution) == 0


@pytest.mark.parametrize("hidden", [(5, 31), (9, 101), (5, 5, 31), (21, 21)])
def test_planted_symmetries_of_narrow_trained_networks_are_undone(hidden):
    """Many units are alike there; of 300 such cases, 3 were not undone."""
    train, _ = db.load("digits", task="parity")
    network = db.BinaryMLP(64, hidden)
    missed = 0
    for solution in db.fit_many(network, train, db.SGD(epochs=30, learning_rate=2.0), range(4)):
        problem = Problem(network, None, np.random.default_rng(len(hidden)))
        match = db.align(transformed(solution, *problem.symmetry()), to=solution)
        assert np.array_equal(match.solution.predict(train.inputs), solution.predict(train.inputs))
        missed += db.hamming(match.solution, solution) > 0
    assert missed <= (1 if hidden == (5, 5, 31) else 0)


@given(networks)
def test_units_with_different_incoming_weights_are_matched_by_these_alone(problem):
    """By what stands in the layer, and not by what follows it."""
    a, b = problem.solution(), problem.solution()
    assume(distinct_units(a) and distinct_units(b))
    match = db.align(b, to=a)
    assume(db.hamming(a, match.solution) < db.hamming(a, b))
    weights = b.weights
    for k in range(len(problem.network.hidden_layers)):
        overlaps = a.weights[k].reshape(len(a.weights[k]), -1) @ weights[k].reshape(len(weights[k]), -1).T.astype(float)
        reversible = problem.network.symmetry(k).sign_reversal
        _, permutation = linear_sum_assignment(np.abs(overlaps) if reversible else overlaps, maximize=True)
        assert np.array_equal(match.permutation[k], permutation)
        weights = moved(problem.network, weights, k, match.permutation[k], match.signs[k])


@given(st.one_of(perceptrons(max_inputs=4, max_hidden=9), convnets()))
def test_telling_equal_units_apart_never_leads_farther_away(problem):
    a, b = problem.solution(), problem.solution()
    without = _greedy(problem.network, b.weights, a.weights, apart=False).weights
    assert np.count_nonzero(db.align(b, to=a).solution.flat != a.flat) <= sum(
        np.count_nonzero(x != y) for x, y in zip(without, a.weights, strict=True)
    )
