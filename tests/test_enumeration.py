"""Exact enumeration against loops over all weight vectors, and against networkx."""

import os
import subprocess
import sys
from itertools import permutations, product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import binland as bl
from binland.enumeration import MOST_WEIGHTS
from binland.errors import InvalidInputError
from tests.naive import enumeration as naive
from tests.naive.orders import lowest_barrier
from tests.problems import Problem, signs


def machine_of(rng, kind, n_inputs, n_hidden):
    if kind == "perceptron":
        return bl.Perceptron(n_inputs)
    outputs = None if kind == "ones" else tuple(int(c) for c in signs(rng, n_hidden))
    return bl.CommitteeMachine(n_inputs, n_hidden, outputs)


@st.composite
def small(draw, most=11, max_patterns=40):
    """Machines of few weights, of odd and even sizes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["perceptron", "ones", "mixed"]))
    n_inputs = draw(st.integers(1, most))
    n_hidden = 1 if kind == "perceptron" else draw(st.integers(1, most // n_inputs))
    patterns = bl.Patterns.random(draw(st.integers(1, max_patterns)), n_inputs, rng)
    return Problem(machine_of(rng, kind, n_inputs, n_hidden), patterns, rng)


def naive_counts(problem):
    return np.array(naive.error_counts(problem.outputs, problem.patterns.inputs, problem.patterns.labels))


def found_in(problem, max_errors=0):
    return bl.enumerate_solutions(problem.machine, problem.patterns, max_errors)


@settings(max_examples=40)
@given(small(), st.integers(0, 3))
def test_energies_and_solutions_are_those_of_a_loop(problem, most):
    counts, found = naive_counts(problem), found_in(problem, most)
    assert found.energies.tolist() == np.bincount(counts, minlength=problem.patterns.n_patterns + 1).tolist()
    assert found.solutions.tolist() == np.flatnonzero(counts <= most).tolist()
    assert found.error_counts.tolist() == counts.tolist()
    assert found.count == len(found.solutions)
    assert found.entropy == (np.log(found.count) / problem.machine.n_weights if found.count else -np.inf)


@settings(max_examples=8)
@given(small(most=8, max_patterns=1), st.sampled_from([14, 200, 254, 255, 256, 511, 600]))
def test_many_patterns_are_counted_in_several_rounds(problem, n_patterns):
    problem.patterns = bl.Patterns.random(n_patterns, problem.machine.n_inputs, problem.rng)
    assert found_in(problem).error_counts.tolist() == naive_counts(problem).tolist()


LARGE = [(22, 1), (21, 1), (11, 2), (10, 2), (7, 3), (3, 7), (2, 10), (1, 20), (5, 4), (9, 2)]


@pytest.mark.parametrize(("n_inputs", "n_hidden"), LARGE)
def test_larger_machines_where_units_lie_across_low_middle_and_high_bits(n_inputs, n_hidden):
    rng = np.random.default_rng(n_inputs)
    machine = machine_of(rng, "mixed", n_inputs, n_hidden)
    patterns = bl.Patterns.random(30, n_inputs, rng)
    found = bl.enumerate_solutions(machine, patterns, max_errors=15)
    for code in rng.integers(0, 2**machine.n_weights, 200):
        solution = bl.Solution(machine, found.weights(code))
        assert solution.error_count(patterns) == found.error_counts[code]
        assert found.code(solution) == code
        assert (found.index(solution) is None) == (found.error_counts[code] > 15)
    assert found.energies.sum() == 2**machine.n_weights
    assert np.array_equal(found.energies, np.bincount(found.error_counts, minlength=31))
    assert np.array_equal(found.solutions, np.flatnonzero(found.error_counts <= 15))
    for k in rng.integers(0, found.count, 20):
        assert found.index(found.solution(k)) == k


def test_every_weight_vector_solves_one_labelling():
    patterns, machine = bl.Patterns.random(4, 6, seed=0), bl.CommitteeMachine(6, 2)
    labellings = (bl.Patterns(patterns.inputs, labels) for labels in product([-1, 1], repeat=4))
    assert sum(bl.enumerate_solutions(machine, one).count for one in labellings) == 2**12


def test_without_ties_opposite_weights_are_wrong_where_the_others_are_right():
    energies = bl.enumerate_solutions(bl.Perceptron(13), bl.Patterns.random(20, 13, seed=0)).energies
    assert energies.tolist() == energies[::-1].tolist()
    assert bl.enumerate_solutions(bl.Perceptron(13), bl.Patterns.random(1, 13, seed=0)).count == 2**12


@settings(max_examples=20)
@given(small(max_patterns=8), st.integers(0, 2))
def test_distances_are_those_of_a_loop(problem, most):
    found, n = found_in(problem, most), problem.machine.n_weights
    reference = problem.solution()
    assert found.distances(reference).tolist() == naive.distances(found.solutions, [found.code(reference)], n)
    if found.count < 300:
        assert found.pair_distances().tolist() == naive.distances(found.solutions, found.solutions, n)


def test_pairs_of_many_solutions():
    """Of as many codes as the transform takes in several blocks: the sum over all references."""
    found = bl.enumerate_solutions(bl.Perceptron(15), bl.Patterns.random(8, 15, seed=1))
    expected = sum(found.distances(found.solution(k)) for k in range(found.count))
    assert found.count > 20
    assert found.pair_distances().tolist() == expected.tolist()
    everything = bl.enumerate_solutions(bl.Perceptron(15), bl.Patterns.random(8, 15, seed=1), max_errors=8)
    assert everything.pair_distances().tolist() == [2**15 * c for c in everything.distances(everything.solution(0))]


# Against networkx


def cube(codes, n):
    """The graph of codes of n bits."""
    graph = nx.Graph()
    graph.add_nodes_from(codes)
    graph.add_edges_from((a, a ^ 1 << i) for a in codes for i in range(n) if (a ^ 1 << i) in graph)
    return graph


@settings(max_examples=40)
@given(small(most=10, max_patterns=14), st.integers(0, 2))
def test_components_are_those_of_networkx(problem, most):
    found = found_in(problem, most)
    expected = list(nx.connected_components(cube(found.solutions.tolist(), problem.machine.n_weights)))
    expected.sort(key=lambda part: (-len(part), min(part)))
    assert found.components.tolist() == [len(part) for part in expected]
    for place, part in enumerate(expected):
        assert set(found.solutions[found.component_labels == place].tolist()) == part


@settings(max_examples=25)
@given(small(most=8, max_patterns=25))
def test_bottlenecks_are_those_of_networkx(problem):
    found, start, end = found_in(problem), problem.solution(), problem.solution()
    counts, n, a, b = naive_counts(problem), problem.machine.n_weights, found.code(start), found.code(end)
    whole = cube(range(2**n), n)
    for here, there in whole.edges:
        whole.edges[here, there]["weight"] = max(counts[here], counts[there])
    way = nx.shortest_path(nx.minimum_spanning_tree(whole), a, b)
    lowest = max(counts[code] for code in way)
    path = found.bottleneck(start, end)
    assert path.error_counts.max() == lowest
    inside = whole.subgraph(code for code in whole if counts[code] <= lowest)
    assert path.length == nx.shortest_path_length(inside, a, b)
    check_path(path, start, end, problem)

    straight = found.bottleneck(start, end, "shortest")
    differing = np.flatnonzero(start.weights != end.weights)
    assert straight.error_counts.max() == lowest_straight(counts, a, b, n)
    assert sorted(straight.flipped) == differing.tolist()
    check_path(straight, start, end, problem)
    exact = bl.shortest_path(start, end, problem.patterns, order="exact")
    assert exact.barrier == straight.barrier >= path.barrier


def lowest_straight(counts, a, b, n):
    """The least level at which a directed graph of flips towards b leads there."""
    for level in sorted({counts[a], counts[b], *counts}):
        graph = nx.DiGraph()
        graph.add_nodes_from(code for code in range(2**n) if counts[code] <= level)
        flips = ((code, i) for code in [*graph] for i in range(n) if (code ^ b) >> i & 1)
        graph.add_edges_from((code, code ^ 1 << i) for code, i in flips if code ^ 1 << i in graph)
        if a in graph and b in graph and nx.has_path(graph, a, b):
            return level
    raise AssertionError


def check_path(path, start, end, problem):
    """Errors of a path are those of its solutions."""
    for step in range(path.n_points):
        here = path.solution(step / path.length if path.length else 0)
        assert here.error_count(problem.patterns) == path.error_counts[step]
    assert np.array_equal(path.solution(0).weights, start.weights)
    assert np.array_equal(path.solution(1).weights, end.weights)


def test_the_lowest_of_all_orders_of_a_few_flips():
    rng = np.random.default_rng(0)
    for seed in range(10):
        patterns, machine = bl.Patterns.random(12, 9, seed=seed), bl.Perceptron(9)
        start = bl.Solution(machine, signs(rng, 9))
        weights = start.weights.copy()
        weights[rng.choice(9, 5, replace=False)] *= -1
        end, found = bl.Solution(machine, weights), bl.enumerate_solutions(machine, patterns)
        orders = permutations(np.flatnonzero(start.weights != end.weights))
        expected = lowest_barrier(start.units, np.ones(1, int), patterns.inputs, patterns.labels, orders)
        assert found.bottleneck(start, end, "shortest").error_counts.max() == expected


def test_detours_may_be_lower_than_shortest_paths():
    """And they take flips back; among 60 pairs of solutions there are some."""
    lower = 0
    for seed in range(60):
        found = bl.enumerate_solutions(bl.Perceptron(13), bl.Patterns.random(8, 13, seed=seed))
        if found.count < 2:
            continue
        a, b = found.solution(0), found.solution(found.count - 1)
        paths = [found.bottleneck(a, b, which) for which in ("all", "shortest")]
        assert paths[0].barrier <= paths[1].barrier
        lower += paths[0].barrier < paths[1].barrier
        if paths[0].barrier < paths[1].barrier:
            assert paths[0].length > paths[1].length
            assert len(set(paths[0].flipped)) < paths[0].length
    assert lower


# Words wider or narrower than here, and no lanes


@pytest.mark.slow
@pytest.mark.parametrize("setting", [{"NUMBA_CPU_NAME": "generic"}, {"BINLAND_PORTABLE": "1"}])
def test_every_cpu_gives_the_same_numbers(setting):
    code = (
        "import hashlib, binland as bl; machine, patterns = bl.CommitteeMachine(6, 3), bl.Patterns.random(300, 6, 0);"
        " e = bl.enumerate_solutions(machine, patterns, 99);"
        " print(hashlib.sha256(e.error_counts.astype('<u2').tobytes()).hexdigest(),"
        " e.components.tolist())"
    )
    run = [sys.executable, "-c", code]
    texts = [subprocess.run(run, env=env, capture_output=True, text=True, check=True).stdout
             for env in (os.environ, os.environ | setting)]  # fmt: skip
    assert texts[0] == texts[1] != ""


# Arguments


def test_what_cannot_be_enumerated_is_refused_in_one_line():
    patterns, machine = bl.Patterns.random(3, 5, seed=0), bl.Perceptron(5)
    found, a = bl.enumerate_solutions(machine, patterns), bl.Solution(machine, np.ones(5))
    other, large = bl.Solution(bl.CommitteeMachine(5, 1), np.ones((1, 5))), bl.Perceptron(MOST_WEIGHTS + 1)
    cases = [
        (lambda: bl.enumerate_solutions(large, bl.Patterns.random(3, 29, seed=0)), "has 29 weights; at most 28"),
        (lambda: bl.enumerate_solutions(bl.Perceptron(6), patterns), "6 inputs but the patterns have 5"),
        (lambda: bl.enumerate_solutions("perceptron", patterns), "is not a Perceptron"),
        (lambda: bl.enumerate_solutions(machine, patterns.inputs), "where Patterns are needed"),
        (lambda: bl.enumerate_solutions(machine, patterns, -1), "max_errors=-1"),
        (lambda: bl.enumerate_solutions(machine, patterns, 0.5), "max_errors=0.5"),
        (lambda: found.solution(found.count), "beyond the last"),
        (lambda: found.solution(-1), "k=-1"),
        (lambda: found.distances(other), "is not of the machine enumerated"),
        (lambda: found.distances(3), "given where a binland"),
        (lambda: found.bottleneck(a, other), "solutions of different machines"),
        (lambda: found.bottleneck(a, a, "some"), "paths='some' is not one of"),
        (lambda: found.weights([32]), "are not integers from 0 to 2\\^5 - 1"),
        (lambda: found.weights([-1]), "are not integers"),
        (lambda: found.weights([0.5]), "are not integers"),
    ]
    for call, message in cases:
        with pytest.raises(InvalidInputError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_what_is_found_cannot_be_written_to():
    found = bl.enumerate_solutions(bl.Perceptron(7), bl.Patterns.random(3, 7, seed=0))
    for array in (found.energies, found.solutions, found.components, found.component_labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_nothing_is_found():
    contradiction = bl.Patterns(np.ones((2, 5)), [1, -1])
    found = bl.enumerate_solutions(bl.Perceptron(5), contradiction)
    assert found.count == 0
    assert found.entropy == -np.inf
    assert found.energies.tolist() == [0, 32, 0]
    assert found.components.tolist() == found.component_labels.tolist() == []
    assert found.pair_distances().tolist() == [0] * 6
    assert found.weights(found.solutions).shape == (0, 5)
    a, b = (bl.Solution(bl.Perceptron(5), np.full(5, sign)) for sign in (-1, 1))
    assert found.bottleneck(a, b).error_counts.tolist() == [1] * 6
    assert found.bottleneck(a, a).length == 0


def test_memory_is_asked_for_before_it_is_taken(monkeypatch):
    found = bl.enumerate_solutions(bl.Perceptron(20), bl.Patterns.random(30, 20, seed=0), 3)
    a, b = found.solution(0), found.solution(found.count - 1)
    monkeypatch.setattr("binland.checks.memory", lambda: 2**16)
    for call in (found.pair_distances, lambda: found.components, lambda: found.bottleneck(a, b)):
        with pytest.raises(InvalidInputError, match="of memory"):
            call()
