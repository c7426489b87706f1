import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError
from binland.rng import generator
from deepbridge.binary import merging
from deepbridge.binary.merging import merge
from deepbridge.binary.moves import transformed
from deepbridge.binary.symmetry import METHODS, align
from tests.deepbridge.problems import Problem, distinct_units, naive_classes, networks

by_weights = st.sampled_from(["greedy", "coordinate"])


def shuffled(problem, solution):
    return transformed(solution, *problem.symmetry())


@pytest.fixture(scope="module")
def parity():
    """Images of digits, and three solutions of a perceptron on them."""
    train, _ = db.load("digits", task="parity")
    network = db.BinaryMLP(64, (31, 21))
    return train, db.fit_many(network, train, db.SGD(epochs=15, learning_rate=2.0), range(3), progress=False)


@settings(max_examples=30)
@given(networks, by_weights, st.booleans(), st.integers(2, 4))
def test_copies_that_are_shuffled_and_reversed_give_the_network_back(problem, method, latents, count):
    solution = problem.solution(latents=latents, zeros=0.2)
    assume(distinct_units(solution))
    copies = [shuffled(problem, solution) for _ in range(count)]
    merged = merge([solution, *copies], method)
    assert np.array_equal(merged.flat, solution.flat)
    assert all(np.all(ties == 1) for ties in merged.ties)
    inputs = problem.data.inputs
    assert np.array_equal(naive_classes(merge(copies, method), inputs), naive_classes(solution, inputs))


@pytest.mark.parametrize("method", METHODS)
def test_copies_of_trained_networks_give_them_back(parity, method):
    data, solutions = parity
    problem = Problem(solutions[0].network, data, np.random.default_rng(0))
    for solution in solutions:
        merged = merge([solution, *(shuffled(problem, solution) for _ in range(3))], method, data)
        assert np.array_equal(merged.flat, solution.flat)


@pytest.mark.parametrize("method", METHODS)
def test_noisy_copies_give_a_network_with_less_noise(parity, method):
    """Five with 2 % of the weights reversed: at least three are wrong at 0.008 % of the places."""
    data, solutions = parity
    rng = np.random.default_rng(1)
    problem = Problem(solutions[0].network, data, rng)
    for solution in solutions:
        flips = np.where(rng.random((5, solution.network.n_weights)) < 0.02, -1, 1).astype(np.int8)
        noisy = [db.Solution(solution.network, solution.network.split(solution.flat * flip)) for flip in flips]
        merged = merge([noisy[0], *(shuffled(problem, one) for one in noisy[1:])], method, data)
        assert db.hamming(merged, solution) < 0.002


def test_trained_networks_merge_better_when_they_are_aligned(parity):
    data, solutions = parity
    plain = merge(solutions, None).error(data)
    for method in METHODS:
        assert merge(solutions, method, data).error(data) < plain / 2


@given(networks, st.integers(2, 5))
def test_without_alignment_latents_are_averaged_and_weights_without_them_vote(problem, count):
    solutions = [problem.solution(latents=True) for _ in range(count)]
    scaled = [np.concatenate([x.reshape(-1).astype(float) for x in one.latents]) for one in solutions]
    mean = np.mean([flat / np.sqrt(np.mean(flat**2)) for flat in scaled], axis=0)
    merged = merge(solutions, None)
    assert np.allclose(np.concatenate([x.reshape(-1) for x in merged.latents]), mean, atol=1e-6)
    assert np.array_equal(merged.flat, np.where(mean >= 0, 1, -1))
    vote = np.sum([one.flat.astype(int) for one in solutions], axis=0)
    without = merge([*solutions[1:], db.Solution(problem.network, solutions[0].weights)], None)
    assert np.array_equal(without.flat, np.where(vote >= 0, 1, -1))


def test_the_size_of_latents_does_not_count():
    network = db.BinaryMLP(3, ())
    ours, theirs = np.array([[1, -2, 2]], np.float32), np.array([[-2, 1, 2]], np.float32)
    for size in (1e-30, 1.0, 1e30):
        pair = [db.Solution(network, [np.sign(x)], (x * np.float32(s),)) for x, s in ((ours, 1), (theirs, size))]
        merged = merge(pair)
        assert np.allclose(merged.latents[0], (ours + theirs) / (2 * np.sqrt(3)))
    nothing = db.Solution(network, [np.ones((1, 3))], (np.zeros((1, 3)),))
    assert np.array_equal(merge([nothing, nothing]).flat, nothing.flat)


def test_ties_vote_and_plus_one_wins_among_equals():
    network = db.BinaryMLP(2, (3,))
    weights = [np.ones((3, 2)), np.ones((1, 3))]
    minus = [[-1, -1, -1], [-1, -1, 1], [-1, 1, 1]]
    solutions = [db.Solution(network, weights, ties=(ties,)) for ties in minus]
    assert merge(solutions, None).ties[0].tolist() == [-1, -1, 1]
    assert merge(solutions[::2], None).ties[0].tolist() == [-1, 1, 1]


@settings(max_examples=25)
@given(networks, by_weights)
def test_the_mean_is_never_smaller_than_of_solutions_aligned_to_the_first(problem, method):
    solutions, rng = [problem.solution(latents=True) for _ in range(3)], generator(4, "merge")
    first = [align(one, solutions[0], method, seed=rng).solution for one in solutions]
    before, after = (
        sum(np.sum(layer.astype(float) ** 2) for layer in merged.latents)
        for merged in (merge(first, None), merge(solutions, method, seed=4))
    )
    assert after >= before * (1 - 1e-6)


def test_a_seed_gives_one_result(parity):
    data, solutions = parity
    for method in METHODS:
        one, two = (merge(solutions, method, data, seed=2) for _ in range(2))
        assert all(np.array_equal(a, b) for a, b in zip(one.latents, two.latents, strict=True))


def test_rounds_end(parity, monkeypatch):
    monkeypatch.setattr(merging, "GAIN", -1.0)  # every round would do
    _, solutions = parity
    assert merge(solutions, "greedy").network == solutions[0].network


@pytest.mark.parametrize(
    ("how_many", "arguments", "message"),
    [
        (1, {}, "are not a list of at least two solutions"),
        (0, {}, "are not a list of at least two solutions"),
        (2, {"align": "best"}, "align='best' is not one of 'greedy', 'coordinate', 'activations', nor None"),
        (2, {"align": ["greedy"]}, "nor None"),
        (2, {"align": "activations"}, "none are given"),
        (2, {"align": None, "seed": -1}, "seed=-1"),
    ],
)
def test_messages(how_many, arguments, message):
    problem = Problem(db.BinaryMLP(9, (2,)), None, np.random.default_rng(0))
    with pytest.raises(InvalidInputError, match=message):
        merge([problem.solution() for _ in range(how_many)], **arguments)


def test_solutions_of_different_networks_or_packages_are_refused():
    rng = np.random.default_rng(0)
    one, other = (Problem(db.BinaryMLP(9, hidden), None, rng).solution() for hidden in ((2,), (3,)))
    shallow = bl.Solution(bl.Perceptron(9), np.ones(9))
    for solutions, message in (
        ([one, one, other], "solutions of different networks"),
        ([one, shallow], "given where a deepbridge Solution is needed"),
        (one, "are not a list of at least two solutions"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            merge(solutions)
