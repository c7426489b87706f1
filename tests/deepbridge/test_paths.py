from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError
from binland.rng import generator
from binland.walks import random_order
from deepbridge.binary.moves import transformed
from deepbridge.binary.paths import midpoint_latents
from tests.deepbridge.problems import Problem, convnets, naive_errors, networks, perceptrons, random_data


@given(networks, st.sampled_from([2, 3, 10, "all"]))
def test_path_errors_are_those_of_a_full_evaluation(problem, points):
    a, b = problem.solution(), problem.solution()
    path = db.shortest_path(a, b, problem.data, seed=0, points=points)
    weights, done = a.flat.copy(), 0
    counts = []
    for step in path.steps:
        weights[path.flipped[done:step]] *= -1
        done = step
        counts.append(naive_errors(db.Solution(problem.network, problem.network.split(weights.copy())), problem.data))
    assert np.array_equal(path.error_counts, counts)
    assert len(path.error_counts) == (path.length + 1 if points == "all" else points)
    assert np.array_equal(weights, b.flat)
    assert path.length == round(db.hamming(a, b) * problem.network.n_weights)


@given(networks, st.sampled_from([2, 11]))
def test_path_ends_are_the_errors_of_the_solutions_aligned_or_not(problem, points):
    a, b = problem.solution(), problem.solution()
    for end in (b, db.align(b, to=a).solution):
        path = db.shortest_path(a, end, problem.data, seed=1, points=points)
        assert path.errors[0] == a.error(problem.data)
        assert path.errors[-1] == b.error(problem.data)


@given(perceptrons())
def test_ties_of_the_path_are_those_of_the_nearer_end(problem):
    a, b = (transformed(problem.solution(), *problem.symmetry()) for _ in range(2))
    there = db.shortest_path(a, b, problem.data, seed=2, points=7)
    weights, done = a.flat.copy(), 0
    for k, (step, count) in enumerate(zip(there.steps, there.error_counts, strict=True)):
        weights[there.flipped[done:step]] *= -1
        done = step
        share = k / 6
        ties = tuple(
            np.where((1 - share) * x.astype(float) + share * y >= 0, 1, -1) for x, y in zip(a.ties, b.ties, strict=True)
        )
        assert count == naive_errors(db.Solution(a.network, a.network.split(weights.copy()), ties=ties), problem.data)


@given(perceptrons(), st.integers(1, 4))
def test_barriers_are_maxima_over_several_orders(problem, orders):
    a, b = problem.solution(), problem.solution()
    found = db.barrier(a, b, problem.data, orders, seed=3, points=9)
    assert found.samples.shape == (orders,)
    assert found.profile.shape == (9,)
    assert found.profile[0] == pytest.approx(a.error(problem.data))
    assert found.max_of_mean <= found.mean + 1e-12


@settings(max_examples=5)
@given(perceptrons(max_layers=1))
def test_optimized_paths_pass_through_a_trained_midpoint(problem):
    a, b = problem.solution(latents=True), problem.solution(latents=True)
    algorithm = db.SGD(epochs=2, learning_rate=0.1)
    bend = db.optimized_path(a, b, problem.data, algorithm, seed=4, points=5)
    assert bend.midpoint.network == problem.network
    assert bend.errors[0] == a.error(problem.data)
    assert bend.errors[4] == bend.midpoint.error(problem.data)
    assert bend.errors[-1] == b.error(problem.data)
    assert not np.array_equal(bend.first.flipped[:5], bend.second.flipped[:5]) or bend.first.length < 10
    middle = midpoint_latents(a, b, algorithm, generator(4, "optimized_path").spawn(3)[0].spawn(2)[0])
    still = db.optimized_path(a, b, problem.data, db.SGD(epochs=0), seed=4, points=5).midpoint
    signs = np.concatenate([np.where(layer >= 0, 1, -1).reshape(-1) for layer in middle])
    assert np.array_equal(still.flat, signs)  # nothing learned: the midpoint itself
    assert bend.barrier == bend.errors.max()
    again = db.optimized_path(a, b, problem.data, algorithm, seed=4, points=5)
    assert np.array_equal(again.errors, bend.errors)


def test_the_midpoint_is_half_way_with_latents_of_the_usual_size():
    rng = np.random.default_rng(0)
    network = db.BinaryMLP(40, (9, 5), 3)
    shapes = network.weight_shapes
    a, b = (
        db.Solution(network, [np.where(x >= 0, 1, -1) for x in latents], latents)
        for latents in (tuple(rng.uniform(-1, 1, s).astype(np.float32) for s in shapes) for _ in range(2))
    )
    latents = midpoint_latents(a, b, db.SGD(), seed=0)
    middle = np.concatenate([np.where(layer >= 0, 1, -1).reshape(-1) for layer in latents])
    differing = np.count_nonzero(a.flat != b.flat)
    taken = np.flatnonzero(middle != a.flat) / len(middle)
    assert 0.3 < taken.mean() < 0.7  # from everywhere, not from the first layers
    assert taken.max() > 0.9
    assert np.count_nonzero(middle != a.flat) == differing // 2
    assert np.count_nonzero(middle != b.flat) == differing - differing // 2
    for k, layer in enumerate(latents):
        assert np.allclose(np.abs(layer), (np.abs(a.latents[k]).mean() + np.abs(b.latents[k]).mean()) / 2)
    bare = [db.Solution(network, s.weights) for s in (a, b)]
    assert np.allclose(np.abs(midpoint_latents(*bare, db.SGD(), seed=0)[1]), np.sqrt(6 / 14) / 2)


@given(perceptrons())
def test_local_energies_are_those_of_a_full_evaluation(problem):
    solution, n = problem.solution(), problem.network.n_weights
    fractions = [0.5, 0.0, 0.1, 1.0]
    found = db.local_energy(solution, problem.data, fractions, realizations=3, seed=5)
    assert isinstance(found, bl.LocalEnergy)
    assert found.samples.shape == (4, 3)
    assert np.all(found.samples[1] == 0)
    opposite = db.Solution(problem.network, [-w for w in solution.weights])
    difference = naive_errors(opposite, problem.data) - naive_errors(solution, problem.data)
    assert np.allclose(found.samples[3], difference / problem.data.n_patterns)
    root = generator(5, "local_energy").integers(2**63, size=2)
    for r in range(3):
        order = random_order(np.random.default_rng([*root, 0, r]), np.arange(n), n)
        for f, fraction in enumerate(fractions):
            weights = solution.flat.copy()
            weights[order[: round(fraction * n)]] *= -1
            moved = db.Solution(problem.network, problem.network.split(weights))
            difference = naive_errors(moved, problem.data) - naive_errors(solution, problem.data)
            assert found.samples[f, r] == pytest.approx(difference / problem.data.n_patterns)


@settings(max_examples=30)
@given(st.one_of(perceptrons(max_inputs=9, max_hidden=9), convnets(max_patterns=5)), st.booleans())
def test_a_barrier_over_all_points_is_the_highest_error_after_any_flip(problem, aligned):
    a, b = problem.solution(), problem.solution()
    if aligned:
        b = db.align(b, to=a).solution
    found = db.barrier(a, b, problem.data, 2, seed=6, points="all")
    assert found.n_points == np.count_nonzero(a.flat != b.flat) + 1
    for highest, stream in zip(found.samples, generator(6, "barrier").spawn(2), strict=True):
        flipped = random_order(stream, np.flatnonzero(a.flat != b.flat))
        weights, counts = a.flat.copy(), []
        for k in range(found.n_points):
            weights[flipped[k - 1 : k]] *= -1
            there, half = problem.network.split(weights.copy()), len(flipped) / 2
            near = a.ties if k == 0 or k < half else b.ties
            ties = [np.maximum(x, y) for x, y in zip(a.ties, b.ties, strict=True)] if 0 < k == half else near
            counts.append(naive_errors(db.Solution(problem.network, there, ties=ties), problem.data))
        assert highest == max(counts) / problem.data.n_patterns


def test_results_say_at_how_many_points_errors_were_counted():
    rng = np.random.default_rng(2)
    data = random_data(rng, (30,), 2, 100)
    a, b = (Problem(db.BinaryMLP(30, (9,)), data, rng).solution() for _ in range(2))
    every, some = (db.barrier(a, b, data, 20, seed=0, **points) for points in ({"points": "all"}, {}))
    assert (every.n_points, some.n_points) == (np.count_nonzero(a.flat != b.flat) + 1, 51)
    assert np.all(every.samples >= some.samples)
    assert every.mean > some.mean
    assert np.array_equal(every.profile[np.linspace(0, every.n_points - 1, 51).round().astype(int)], some.profile)
    bend = db.optimized_path(a, b, data, db.SGD(epochs=1), seed=0, points="all")
    assert [leg.n_points for leg in (bend.first, bend.second)] == [bend.first.length + 1, bend.second.length + 1]


@pytest.mark.parametrize("points", [None, 1, 0, True, 2.0, "some", "", 10**7, [5]])
def test_wrong_points_are_one_line(points):
    rng = np.random.default_rng(0)
    data = random_data(rng, (3,), 2, 5)
    a, b = (Problem(db.BinaryMLP(3, (3,)), data, rng).solution() for _ in range(2))
    message = (
        r"^points=.*(is not an integer of at least 2 .*|is neither .* nor \"all\"|is more than 1000000; take less)$"
    )
    for measure in (partial(db.shortest_path, seed=0), db.barrier, db.optimized_path):
        with pytest.raises(InvalidInputError, match=message):
            measure(a, b, data, points=points)


def test_more_points_than_can_be_counted_are_refused_before_anything_runs(monkeypatch):
    rng = np.random.default_rng(0)
    data = random_data(rng, (1001,), 2, 5)
    network = db.BinaryMLP(1001, (1001,))
    a, b = (db.Solution(network, [sign * np.ones(s, np.int8) for s in network.weight_shapes]) for sign in (1, -1))
    message = r'points="all" may be 1003003 points, more than 1000000; give their number, such as 51'
    for measure in (partial(db.shortest_path, seed=0), db.barrier, db.optimized_path):
        with pytest.raises(InvalidInputError, match=f"^{message}$"):
            measure(a, b, data, points="all")
    monkeypatch.setattr("binland.checks.memory", lambda: 2**30)
    message = r"^errors at 1000000 points of paths of 1003002 flips, 1000 at once, would take .* choose less$"
    with pytest.raises(InvalidInputError, match=message):
        db.barrier(a, b, data, 1000, points=10**6)


def test_orders_of_a_barrier_are_independent():
    rng = np.random.default_rng(0)
    data = random_data(rng, (30,), 2, 200)
    a, b = (Problem(db.BinaryMLP(30, (9,)), data, rng).solution() for _ in range(2))
    profiles = [db.barrier(a, b, data, 1, seed=stream).profile for stream in generator(0, "barrier").spawn(3)]
    assert not np.array_equal(profiles[0], profiles[1])
    assert len(set(db.barrier(a, b, data, 20, seed=0).samples)) > 5
    assert not np.array_equal(db.barrier(a, b, data, 1, 0).profile, db.barrier(a, b, data, 1, 1).profile)


def test_local_energies_and_paths_keep_the_ties_of_reversed_units():
    """All sums 0 or +-2, so that ties decide."""
    rng = np.random.default_rng(1)
    data = random_data(rng, (2,), 2, 40, largest=1)
    network = db.BinaryMLP(2, (4, 4))
    solution = Problem(network, data, rng).solution()
    reversal = [-np.ones(4, np.int8), np.ones(4, np.int8)]
    turned = transformed(solution, [np.arange(4), np.arange(4)], reversal)
    a = db.local_energy(solution, data, [0.1, 0.3], 50, seed=0).samples
    assert np.array_equal(a, db.local_energy(turned, data, [0.1, 0.3], 50, seed=0).samples)
    bare = db.Solution(network, turned.weights)
    assert not np.array_equal(a, db.local_energy(bare, data, [0.1, 0.3], 50, seed=0).samples)


def test_a_path_of_no_flips_leads_from_one_tie_to_the_other():
    network = db.BinaryMLP(2, (1,))
    data = db.Dataset(np.array([[1, -1], [1, 1]], np.int16), np.array([1, 1]), 2)
    weights = [[[1, 1]], [[1]]]
    a, b = (db.Solution(network, weights, ties=([tie],)) for tie in (1, -1))
    assert a.error(data) != b.error(data)
    path = db.shortest_path(a, b, data, seed=0, points=5)
    assert path.length == 0
    assert path.errors.tolist() == [a.error(data)] * 3 + [b.error(data)] * 2
    assert db.shortest_path(a, b, data, seed=0, points="all").errors.tolist() == [a.error(data)]


@given(networks)
def test_hamming_counts_differing_weights(problem):
    a, b = problem.solution(), problem.solution()
    differing = sum(np.sum(x != y) for x, y in zip(a.weights, b.weights, strict=True))
    assert db.hamming(a, b) == differing / problem.network.n_weights
    assert db.hamming(a, a) == 0
