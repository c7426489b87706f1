from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import binland as bl
from tests.naive import machine as naive
from tests.problems import problems, signs


def planted(problem, solution):
    """The same function with units permuted and, where exact, reversed together with their output weight."""
    rng, machine = problem.rng, problem.machine
    permutation = rng.permutation(machine.n_hidden)
    flips = signs(rng, machine.n_hidden) if machine.n_inputs % 2 else np.ones(machine.n_hidden, np.int8)
    outputs = tuple(int(c) for c in flips * machine.output_signs[permutation])
    moved = bl.CommitteeMachine(machine.n_inputs, machine.n_hidden, outputs)
    return bl.Solution(moved, solution.weights[permutation] * flips[:, None])


def every_input(n):
    return np.array(np.meshgrid(*[[-1, 1]] * n)).reshape(n, -1).T


@given(problems(max_inputs=90, kinds=("ones", "mixed")))
def test_align_undoes_planted_symmetries(problem):
    solution = problem.solution()
    moved = planted(problem, solution)
    patterns = bl.Patterns.random(50, problem.machine.n_inputs, problem.rng)
    assert np.array_equal(moved.predict(patterns.inputs), solution.predict(patterns.inputs))
    match = bl.align(moved, to=solution)
    assert bl.hamming(match.solution, solution) == 0
    assert match.solution.machine == solution.machine
    rebuilt = moved.weights[match.permutation] * match.signs[:, None]
    assert np.array_equal(rebuilt, match.solution.weights)


@given(problems(max_inputs=9, max_hidden=7))
def test_align_changes_no_prediction_on_any_input(problem):
    a, b = problem.solution(), problem.solution()
    inputs = every_input(problem.machine.n_inputs)
    aligned = bl.align(b, to=a).solution
    expected = naive.predict(b.units, problem.outputs, inputs)
    assert np.array_equal(naive.predict(aligned.units, problem.outputs, inputs), expected)
    assert bl.hamming(a, aligned) <= bl.hamming(a, b)


@given(problems(max_inputs=9, max_hidden=5, kinds=("mixed",)))
def test_align_to_other_output_weights_changes_no_prediction(problem):
    a, b = problem.solution(), planted(problem, problem.solution())
    inputs = every_input(problem.machine.n_inputs)
    aligned = bl.align(b, to=a).solution
    before = naive.predict(b.units, b.machine.output_signs, inputs)
    assert np.array_equal(naive.predict(aligned.units, aligned.machine.output_signs, inputs), before)


@given(problems(max_inputs=20, max_hidden=4, kinds=("ones", "mixed")), st.booleans())
def test_align_equals_brute_force(problem, other_outputs):
    a, b = problem.solution(), problem.solution()
    if other_outputs:
        b = planted(problem, b)
    best = naive.smallest_distance(b.weights, b.machine.output_signs, a.weights, a.machine.output_signs)
    assert round(bl.hamming(a, bl.align(b, to=a).solution) * problem.machine.n_weights) == best


@pytest.mark.parametrize("n_inputs", [5, 6])
@pytest.mark.parametrize("outputs", [(1,) * 6, (1, -1, 1, -1, -1, 1)])
def test_align_equals_brute_force_for_six_units(n_inputs, outputs):
    rng = np.random.default_rng(n_inputs)
    machine = bl.CommitteeMachine(n_inputs, 6, outputs)
    a, b = (bl.Solution(machine, signs(rng, (6, n_inputs))) for _ in range(2))
    best = naive.smallest_distance(b.weights, outputs, a.weights, outputs)
    assert round(bl.hamming(a, bl.align(b, to=a).solution) * machine.n_weights) == best


def test_the_perceptron_has_nothing_to_align():
    a, b = (bl.Solution(bl.Perceptron(5), signs(np.random.default_rng(s), 5)) for s in (0, 1))
    match = bl.align(b, to=a)
    assert match.solution is b
    assert match.permutation.tolist() == [0]
    assert match.signs.tolist() == [1]


def test_a_tie_would_break_sign_reversal_so_even_sizes_keep_their_signs():
    inputs = np.array([[1, -1]])
    plus, minus = (bl.Solution(bl.CommitteeMachine(2, 1, (c,)), [[c, c]]) for c in (1, -1))
    assert plus.predict(inputs) != minus.predict(inputs)
    with pytest.raises(ValueError, match="is even, where no sign may be reversed"):
        bl.align(minus, to=plus)


def test_latents_and_replicas_move_along():
    train = bl.Patterns.random(20, 11, seed=0)
    machine = bl.CommitteeMachine(11, 5, (1, -1, 1, 1, -1))
    a, b = (bl.fit(machine, train, bl.RSGD(epochs=3, replicas=2), seed) for seed in (0, 1))
    latents = np.where(np.random.default_rng(0).random(b.latents.shape) < 0.2, 0, b.latents)
    b = replace(b, latents=latents, weights=np.where(latents >= 0, 1, -1))
    match = bl.align(b, to=a)
    aligned = match.solution
    assert np.any((match.signs < 0) & np.any(latents == 0, axis=1)[match.permutation])
    assert np.array_equal(np.where(aligned.latents >= 0, 1, -1), aligned.weights)
    for before, after in zip(b.replicas.weights, aligned.replicas.weights, strict=True):
        old, new = bl.Solution(machine, before), bl.Solution(machine, after)
        assert np.array_equal(old.predict(train.inputs), new.predict(train.inputs))


@given(problems(kinds=("ones", "mixed")))
def test_other_sizes_are_refused(problem):
    solution = problem.solution()
    larger = replace(problem.machine, n_inputs=problem.machine.n_inputs + 1)
    other = bl.Solution(larger, signs(problem.rng, larger.weight_shape))
    assume(larger.weight_shape != problem.machine.weight_shape)
    with pytest.raises(ValueError, match="not of one kind and size"):
        bl.align(other, to=solution)
