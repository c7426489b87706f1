"""One layer is binland's perceptron, two with fixed outputs its committee machine."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError
from tests.problems import problems


def pair(problem):
    shallow = [problem.solution() for _ in range(2)]
    return shallow, [db.Solution.from_shallow(solution) for solution in shallow]


@given(problems(kinds=("perceptron", "ones")))
def test_same_errors_distances_and_predictions(problem):
    shallow, deep = pair(problem)
    for a, b in zip(shallow, deep, strict=True):
        assert a.error_count(problem.patterns) == b.error_count(problem.patterns)
        assert np.array_equal(a.predict(problem.patterns.inputs), b.predict(problem.patterns.inputs))
    assert bl.hamming(*shallow) == db.hamming(*deep)


@given(problems(kinds=("perceptron", "ones")))
def test_same_path_errors(problem):
    shallow, deep = pair(problem)
    expected = bl.shortest_path(*shallow, problem.patterns, seed=0)
    found = db.shortest_path(*deep, problem.patterns, seed=0, points="all")
    assert np.array_equal(found.flipped, expected.flipped)
    assert np.array_equal(found.error_counts, expected.error_counts)
    assert found.barrier == expected.barrier
    assert found.length == expected.length
    assert np.array_equal(
        db.barrier(*deep, problem.patterns, 2, seed=1, points="all").profile,
        bl.barrier(*shallow, problem.patterns, 2, seed=1).profile,
    )


@given(problems(kinds=("perceptron", "ones")))
def test_same_local_energies(problem):
    (shallow, _), (deep, _) = pair(problem)
    expected = bl.local_energy(shallow, problem.patterns, [0.1, 0.5], 3, seed=2)
    found = db.local_energy(deep, problem.patterns, [0.1, 0.5], 3, seed=2)
    assert np.allclose(found.samples, expected.samples, atol=1e-15)


@given(problems(kinds=("ones",)))
def test_same_aligned_solution(problem):
    shallow, deep = pair(problem)
    expected, found = bl.align(shallow[1], to=shallow[0]), db.align(deep[1], to=deep[0])
    assert np.array_equal(found.solution.weights[0], expected.solution.weights)
    assert np.array_equal(found.permutation[0], expected.permutation)


@pytest.mark.parametrize(
    "algorithm",
    [
        bl.SGD(epochs=3),
        bl.RSGD(epochs=3, replicas=3, coupling=0.05),
        bl.RSGD(epochs=3, replicas=3, coupling=0.05, coupling_form="in_gradient"),
        bl.RSGD(epochs=3, replicas=3, coupling=0.05, coupling_form="after_epoch"),
        bl.ADV(epochs=3, pretrain_epochs=2),
    ],
    ids=lambda a: f"{type(a).__name__}-{getattr(a, 'coupling_form', '')}",
)
def test_training_is_the_same_up_to_rounding(algorithm):
    """Three epochs: the same draws, latents within 1e-6; a weight whose latent is that close to 0 may differ."""
    patterns = bl.HiddenManifold(n_inputs=101, latent_dim=51, seed=0).sample(153, seed=1)
    committee = bl.fit(bl.CommitteeMachine(101, 11), patterns, algorithm, seed=3)
    network = db.BinaryMLP(101, (11,), fixed_output=True)
    deep = db.fit(network, patterns, replace(algorithm, output_scale=np.sqrt(11)), seed=3)
    assert np.abs(deep.latents[0] - committee.latents).max() < 1e-6
    assert np.array_equal(deep.history, committee.history)
    perceptron = bl.fit(bl.Perceptron(101), patterns, algorithm, seed=3)
    deep = db.fit(db.BinaryMLP(101, ()), patterns, algorithm, seed=3)
    assert np.abs(deep.latents[0][0] - perceptron.latents).max() < 1e-6
    if deep.replicas is not None:
        assert np.allclose(deep.replicas.errors, perceptron.replicas.errors)
        assert deep.replicas.spread == pytest.approx(perceptron.replicas.spread)


def test_given_output_weights_are_refused():
    machine = bl.CommitteeMachine(3, 2, (1, -1))
    with pytest.raises(InvalidInputError, match="not all"):
        db.Solution.from_shallow(bl.Solution(machine, np.ones((2, 3), np.int8)))


@pytest.mark.parametrize("name", ["SGD", "RSGD", "ADV"])
def test_algorithms_of_both_packages_are_taken_and_no_subclass_is(name):
    patterns = bl.Patterns.random(20, 7, seed=0)
    network = db.BinaryMLP(7, (3,))
    shallow, deep = getattr(bl, name)(epochs=2), getattr(db, name)(epochs=2)
    a, b = (db.fit(network, patterns, db.SGD(epochs=1), seed) for seed in (0, 1))
    for algorithm in (shallow, deep):
        assert type(db.fit(network, patterns, algorithm, 0).algorithm) is getattr(db, name)
        assert type(db.optimized_path(a, b, patterns, algorithm).midpoint.algorithm) is getattr(db, name)
        own = type("Own", (type(algorithm),), {})(epochs=2)
        for call in (
            lambda own=own: db.fit(network, patterns, own, 0),
            lambda own=own: db.optimized_path(a, b, patterns, own),
            lambda own=own: bl.fit(bl.Perceptron(7), patterns, own, 0),
        ):
            with pytest.raises(InvalidInputError, match=r"a subclass adds .*would not be trained: give one"):
                call()
    with pytest.raises(InvalidInputError, match=rf"algorithm is a deepbridge\.binary\.algorithms\.{name}"):
        bl.fit(bl.Perceptron(7), patterns, deep, 0)


def test_a_solution_of_the_other_package_is_told_from_ones_own():
    shallow = bl.Solution(bl.Perceptron(3), np.ones(3, np.int8))
    deep = db.Solution.from_shallow(shallow)
    with pytest.raises(InvalidInputError, match=r"binland\.Solution given where a deepbridge Solution is needed"):
        db.hamming(deep, shallow)
    for bad in (None, deep, "x"):
        with pytest.raises(InvalidInputError, match="given where a binland Solution is needed"):
            db.Solution.from_shallow(bad)
