import numpy as np
import pytest
from hypothesis import given

import binland as bl
from binland.models import Symmetry
from tests.naive import machine as naive
from tests.problems import problems


@given(problems())
def test_errors_and_predictions_equal_the_naive_ones(problem):
    solution, patterns = problem.solution(), problem.patterns
    expected = naive.predict(solution.units, problem.outputs, patterns.inputs)
    assert np.array_equal(solution.predict(patterns.inputs), expected)
    count = naive.count_errors(solution.units, problem.outputs, patterns.inputs, patterns.labels)
    assert solution.error_count(patterns) == count
    assert solution.error(patterns) == count / patterns.n_patterns


def test_each_machine_states_its_symmetry():
    assert bl.Perceptron(5).symmetry == Symmetry(permutation=False, sign_reversal=False)
    assert bl.CommitteeMachine(5, 3).symmetry == Symmetry(permutation=True, sign_reversal=False)
    mixed = (1, -1, 1)
    assert bl.CommitteeMachine(5, 3, mixed).symmetry == Symmetry(permutation=True, sign_reversal=True)
    assert bl.CommitteeMachine(6, 3, mixed).symmetry == Symmetry(permutation=True, sign_reversal=False)


def test_all_plus_one_outputs_are_the_default_machine():
    assert bl.CommitteeMachine(5, 3, (1, 1, 1)) == bl.CommitteeMachine(5, 3)


def test_drawn_outputs_are_reproducible_signs():
    machine = bl.CommitteeMachine.with_random_outputs(5, 50, seed=1)
    assert machine == bl.CommitteeMachine.with_random_outputs(5, 50, seed=1)
    assert set(machine.output_signs) == {-1, 1}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bl.Perceptron(0), "n_inputs=0 is not an integer of at least 1"),
        (lambda: bl.CommitteeMachine(3, -1), "n_hidden=-1"),
        (lambda: bl.CommitteeMachine(3, 2, (1, 0)), "output_weights holds values"),
        (lambda: bl.CommitteeMachine(3, 2, ((1, 1), 1)), "output_weights is not a rectangular array"),
        (lambda: bl.CommitteeMachine(3, 2, (1, 1, 1)), "3 output_weights for n_hidden=2"),
        (lambda: bl.Solution(bl.Perceptron(3), np.ones(4)), "do not fit"),
        (lambda: bl.Solution(bl.CommitteeMachine(3, 2), np.ones(6)), "2 dimension"),
        (lambda: bl.Solution(bl.Perceptron(2), [0.5, 1]), "weights holds values"),
        (lambda: bl.Solution("x", [1]), "machine='x' is not a Perceptron"),
        (lambda: bl.Solution(bl.Perceptron(2), [1, 1], latents=np.ones(3)), "latents of shape \\(3,\\)"),
        (lambda: bl.Solution(bl.Perceptron(2), [1, 1]).error(None), "NoneType given where Patterns"),
        (lambda: bl.hamming(bl.Solution(bl.Perceptron(2), [1, 1]), np.ones(2)), "ndarray given where a binland"),
        (lambda: bl.align(np.ones(2), np.ones(2)), "ndarray given where a binland"),
        (lambda: bl.local_energy(np.ones(2), None, [0.1]), "ndarray given where a binland"),
        (lambda: bl.Solution(bl.Perceptron(2), [1, 1]).error(bl.Patterns.random(2, 3, 0)), "has 2 inputs but"),
        (lambda: bl.Solution(bl.Perceptron(2), [1, 1]).predict(np.ones((4, 3))), "has 2 inputs but"),
    ],
)
def test_bad_machines_and_weights_are_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
