"""Local entropy by belief propagation, against counts of all weights at each distance; as a measure of sweeps."""

import itertools

import numpy as np
import pytest
from scipy.special import logsumexp

import binland as bl
from binland.errors import InvalidInputError
from binland.measures.local_entropy import LOCAL_ENTROPY
from binland.plots.results import read
from tests.naive import messages as naive


def counted(machine, patterns, reference, fields):
    """Distance and entropy per weight in fields along a reference, from all weights."""
    weights = naive.all_weights((machine.n_hidden, machine.n_inputs))
    kept = naive.solutions(weights, machine.output_signs, patterns.inputs, patterns.labels)
    overlaps = kept.reshape(len(kept), -1).astype(int) @ reference.reshape(-1)
    rows = []
    for gamma in fields:
        free = logsumexp(gamma * overlaps)
        mean = np.sum(overlaps * np.exp(gamma * overlaps - free))
        rows.append(((1 - mean / machine.n_weights) / 2, (free - gamma * mean) / machine.n_weights))
    return np.array(rows).T


def solved(machine, n_patterns, seed):
    patterns = bl.Patterns.random(n_patterns, machine.n_inputs, seed)
    return patterns, bl.fit(machine, patterns, bl.FBP(), seed)


@pytest.mark.parametrize(
    ("machine", "n_patterns"), [(bl.Perceptron(17), 6), (bl.Perceptron(16), 6), (bl.CommitteeMachine(7, 2, (1, -1)), 3)]
)
def test_entropies_in_fields_are_those_of_all_weights_up_to_finite_size(machine, n_patterns):
    """Mean errors of 10 instances around solutions; the largest that were measured are half of the bounds."""
    fields = [1.5, 0.7, 0.3, 0.1]
    errors = []
    for seed in range(10):
        patterns, solution = solved(machine, n_patterns, seed)
        if solution.error(patterns) > 0:
            continue
        found = bl.local_entropy(solution, patterns, fields=fields)
        distances, entropy = counted(machine, patterns, solution.weights.astype(int), fields)
        errors.append(np.where(found.converged, [found.distances - distances, found.entropy - entropy], np.nan))
    assert len(errors) >= 7
    assert np.all(np.abs(np.nanmean(errors, axis=0)) < 0.02)
    assert np.mean(np.isnan(errors)) < 0.1


def test_distances_and_fields_are_two_ways_to_ask_the_same():
    patterns, solution = solved(bl.Perceptron(301), 150, 0)
    asked = [0.02, 0.1, 0.3]
    held = bl.local_entropy(solution, patterns, asked, tolerance=1e-7)
    given = bl.local_entropy(solution, patterns, fields=held.fields, tolerance=1e-7)
    assert held.converged.all()
    assert given.converged.all()
    assert np.allclose(held.distances, asked, atol=1e-9)
    assert np.allclose(given.distances, asked, atol=1e-5)
    assert np.allclose(given.entropy, held.entropy, atol=1e-5)
    assert np.array_equal(given.fields, held.fields)


@pytest.mark.parametrize(
    ("machine", "method", "error"),
    [(bl.CommitteeMachine(25, 3), "exact", 1e-6), (bl.CommitteeMachine(101, 3), "gaussian", 5e-3)],
)
def test_the_field_is_the_slope_and_no_entropy_is_above_its_bound(machine, method, error):
    """dS / dd = 2 gamma: exact messages make the Bethe entropy stationary, Gaussian ones up to their expansion."""
    patterns, solution = solved(machine, round(0.3 * machine.n_weights), 1)
    distances = np.array([0.05, 0.05 + 1e-4, 0.2, 0.2 + 1e-4])
    found = bl.local_entropy(solution, patterns, distances, method=method, tolerance=1e-9)
    assert found.converged.all()
    for k in (0, 2):
        slope = (found.entropy[k + 1] - found.entropy[k]) / 1e-4
        assert slope == pytest.approx(2 * found.fields[k : k + 2].mean(), rel=error)
    assert np.all(found.entropy < found.upper_bound)
    assert np.all(found.entropy > 0)


def test_without_patterns_that_bind_the_entropy_is_its_upper_bound():
    """One pattern that every weight vector so close satisfies."""
    solution = bl.Solution(bl.Perceptron(301), np.ones(301))
    patterns = bl.Patterns(np.ones((1, 301)), [1])
    found = bl.local_entropy(solution, patterns, [0.01, 0.1, 0.25])
    assert found.entropy == pytest.approx(found.upper_bound, abs=1e-5)
    assert np.allclose(found.fields, np.arctanh(1 - 2 * found.distances), atol=1e-5)


def test_what_is_found_at_a_distance_does_not_depend_on_the_others():
    patterns, solution = solved(bl.Perceptron(101), 50, 2)
    some = bl.local_entropy(solution, patterns, [0.1], seed=3)
    more = bl.local_entropy(solution, patterns, [0.3, 0.1], seed=3)
    assert some.entropy[0] == more.entropy[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either distances or fields"),
        ({"distances": [0.1], "fields": [1]}, "either distances or fields"),
        ({"distances": [0.0]}, "distances="),
        ({"distances": [1.0]}, "distances="),
        ({"distances": []}, "distances="),
        ({"distances": [[0.1]]}, "distances="),
        ({"distances": ["a"]}, "distances="),
        ({"fields": [np.inf]}, "fields="),
        ({"fields": []}, "fields="),
        ({"distances": [0.1], "damping": 1}, "damping=1"),
        ({"distances": [0.1], "method": "count"}, "method='count'"),
        ({"distances": [0.1], "max_sweeps": 0}, "max_sweeps=0"),
    ],
)
def test_bad_options_are_one_line(options, message):
    patterns, solution = solved(bl.Perceptron(21), 5, 0)
    with pytest.raises(InvalidInputError, match=message) as error:
        bl.local_entropy(solution, patterns, **options)
    assert "\n" not in str(error.value)


SWEEP = {
    "data": {"kind": "random-labels", "alpha": 0.4, "n_test": 20},
    "model": {"kind": "committee", "n_hidden": 3},
    "grid": {"n_inputs": [21], "disorder_samples": 2, "solutions": 2},
    "algorithms": {"SGD": {"epochs": 20}, "FBP": {"steps": 50}, "RBP": {"sweeps": 100, "rate": 0.02}},
    "measure": {"local_entropy": {"distances": [0.3, 0.05], "max_sweeps": 100}, "local_energy": False, "pair": False},
}


def test_message_passing_and_local_entropies_in_a_sweep(tmp_path):
    out = tmp_path / "out.h5"
    store = bl.run_sweep(SWEEP, out, report=lambda _: None)
    assert not store.failures()
    data = bl.load_results(out)
    assert data["local_entropy"].dims[-1] == "local_entropy_distance"
    assert data["local_entropy_distance"].values.tolist() == [0.3, 0.05]
    for algorithm, disorder in itertools.product(("FBP", "RBP", "SGD"), (0, 1)):
        solution = bl.load_solution(out, 21, algorithm, disorder, 1)
        train = bl.load_problem(out, n_inputs=21, disorder=disorder).train
        found = data.sel(n_inputs=21, algorithm=algorithm, disorder=disorder, solution=1)
        assert float(found["train_error"]) == solution.error(train)
        assert type(solution.algorithm).__name__ == algorithm
        entropy, converged = found["local_entropy"].values, found["local_entropy_converged"].values
        # the order of the messages is the sweep's own, and of no consequence where they converge
        mine = bl.local_entropy(solution, train, [0.3, 0.05], max_sweeps=100)
        both = (converged == 1) & mine.converged
        assert np.allclose(entropy[both], mine.entropy[both], atol=1e-3)
    assert (data["train_error"].sel(algorithm="FBP") == 0).mean() > 0.7
    assert (data["local_entropy_converged"].sel(algorithm="FBP") == 1).mean() > 0.7
    drawn = dict(LOCAL_ENTROPY.figures(read(out)))
    assert list(drawn) == ["_local_entropy_n_inputs_21"]
    curves = drawn["_local_entropy_n_inputs_21"].panels[0].curves
    assert [curve.theory for curve in curves] == [False] * (len(curves) - 1) + [True]  # algorithms, and the upper bound


def test_no_module_hides_the_function():
    """A submodule of the same name would take its place in the package as soon as anything imports it."""
    import binland.families.shallow  # noqa: F401

    assert callable(bl.local_entropy)
