import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import binland as bl
from binland.kernels.walk import STRETCH
from binland.paths import midpoint_latents
from binland.walks import Walker, n_planes, random_order
from tests.naive import machine as naive
from tests.problems import problems, signs


@given(problems(max_inputs=70), st.integers(0, 2**32))
def test_every_error_on_a_path_equals_a_full_evaluation(problem, seed):
    start, end, patterns = problem.solution(), problem.solution(), problem.patterns
    path = bl.shortest_path(start, end, patterns, seed)
    expected = naive.path_error_counts(start.units, problem.outputs, patterns.inputs, patterns.labels, path.flipped)
    assert path.error_counts.tolist() == expected
    assert path.barrier == max(expected) / patterns.n_patterns


@given(problems(), st.integers(0, 2**32))
def test_ends_length_and_reverse(problem, seed):
    start, end, patterns = problem.solution(), problem.solution(), problem.patterns
    path = bl.shortest_path(start, end, patterns, seed)
    assert path.errors[0] == start.error(patterns)
    assert path.errors[-1] == end.error(patterns)
    assert path.length == round(bl.hamming(start, end) * problem.machine.n_weights)
    assert len(np.unique(path.flipped)) == path.length
    back = Walker(end, patterns).error_counts(path.flipped[::-1])
    assert np.array_equal(back, path.error_counts[::-1])


@given(problems(), st.integers(0, 2**32))
def test_flipping_twice_is_the_identity(problem, seed):
    start, patterns = problem.solution(), problem.patterns
    opposite = bl.Solution(problem.machine, -start.weights)
    there = bl.shortest_path(start, opposite, patterns, seed)
    back = Walker(opposite, patterns).error_counts(there.flipped)
    assert back[-1] == start.error_count(patterns)


@pytest.mark.parametrize("output_weights", [None, (1, -1, 1, 1, -1, -1, 1, 1, 1)])
def test_a_walk_of_several_stretches_over_several_blocks_of_patterns(output_weights):
    rng = np.random.default_rng(0)
    machine = bl.CommitteeMachine(2001, 9, output_weights)
    patterns = bl.Patterns.random(1100, 2001, rng)
    start = bl.Solution(machine, signs(rng, (9, 2001)))
    flipped = random_order(rng, np.arange(machine.n_weights))
    counts = Walker(start, patterns).error_counts(flipped)
    assert len(counts) > 2 * STRETCH
    for t in [0, 1, STRETCH - 1, STRETCH, STRETCH + 1, 2 * STRETCH, 12_345, machine.n_weights]:
        weights = np.array(start.weights)
        weights.reshape(-1)[flipped[:t]] *= -1
        assert counts[t] == bl.Solution(machine, weights).error_count(patterns)


def check_random_orders(walker, n_weights, length, rng):
    """Errors after some flips of a random order are those of the walk through it."""
    state = rng.bit_generator.state
    uniforms, lengths = rng.random(length), rng.integers(0, length + 1, 30)
    rng.bit_generator.state = state
    counts = walker.error_counts(random_order(rng, np.arange(n_weights), length))
    assert walker.error_counts_after(uniforms, lengths).tolist() == counts[lengths].tolist()


@given(problems(), st.data())
def test_errors_after_some_flips_of_a_random_order(problem, data):
    start, n = problem.solution(), problem.machine.n_weights
    length, seed = data.draw(st.integers(0, n)), data.draw(st.integers(0, 2**32))
    check_random_orders(Walker(start, problem.patterns), n, length, np.random.default_rng(seed))


@pytest.mark.parametrize(("n_inputs", "n_hidden"), [(2001, 9), (2**15, 3), (1, 2**15), (3, 40_000)])
def test_errors_after_many_flips_of_a_random_order(n_inputs, n_hidden):
    rng = np.random.default_rng(0)
    machine = bl.CommitteeMachine.with_random_outputs(n_inputs, n_hidden, seed=1)
    start = bl.Solution(machine, signs(rng, (n_hidden, n_inputs)))
    patterns = bl.Patterns.random(1100, n_inputs, rng)
    check_random_orders(Walker(start, patterns), machine.n_weights, machine.n_weights, rng)


@pytest.mark.parametrize("n_hidden", [15, 16, 17, 101, 300])
def test_votes_of_many_units_over_several_blocks_of_patterns(n_hidden):
    rng = np.random.default_rng(n_hidden)
    machine, train = bl.CommitteeMachine(31, n_hidden), bl.Patterns.random(1100, 31, rng)
    start = bl.fit(machine, train, bl.SGD(epochs=2), seed=0)
    outputs = np.ones(n_hidden)
    errors = naive.count_errors(start.weights, outputs, train.inputs, train.labels)
    assert round(start.history[-1] * 1100) == errors
    flipped = random_order(rng, np.arange(machine.n_weights), 40)
    expected = naive.path_error_counts(start.weights, outputs, train.inputs, train.labels, flipped)
    walker, uniforms = Walker(start, train), np.random.default_rng(n_hidden + 1).random(40)
    assert walker.error_counts(flipped).tolist() == expected
    flipped = random_order(np.random.default_rng(n_hidden + 1), np.arange(machine.n_weights), 40)
    expected = naive.path_error_counts(start.weights, outputs, train.inputs, train.labels, flipped)
    assert walker.error_counts_after(uniforms, np.array([40, 0, 7])).tolist() == [expected[k] for k in (40, 0, 7)]


def test_the_shorter_order_begins_the_longer():
    orders = [random_order(np.random.default_rng(3), np.arange(50), length) for length in (7, 20, None)]
    assert sorted(orders[2].tolist()) == list(range(50))
    assert orders[2][:20].tolist() == orders[1].tolist()
    assert orders[2][:7].tolist() == orders[0].tolist()


@pytest.mark.parametrize("largest", [1, 2, 9, 15, 16, 255, 256, 2**24 - 1])
def test_counters_have_room_for_every_field(largest):
    n = n_planes(largest)
    assert largest // 2 < 2 ** (n - 1)
    assert -(-largest // 2) <= 2 ** (n - 1)


def test_a_machine_too_large_for_counters_is_refused():
    with pytest.raises(ValueError, match="16777216 inputs or hidden units is too large"):
        n_planes(2**24)


def test_large_fields():
    machine, patterns = bl.Perceptron(40_001), bl.Patterns(np.ones((1, 40_001)), [1])
    plus, minus = (bl.Solution(machine, np.full(40_001, s)) for s in (1, -1))
    path = bl.shortest_path(plus, minus, patterns, seed=0)
    assert path.error_counts[20_000] == 0
    assert path.error_counts[20_001] == 1
    assert path.error_counts.sum() == 20_001


def test_many_patterns():
    patterns = bl.Patterns.random(20_000, 9, seed=1)
    a, b = (bl.Solution(bl.Perceptron(9), bl.Patterns.random(1, 9, s).inputs[0]) for s in (2, 3))
    path = bl.shortest_path(a, b, patterns, seed=0)
    assert path.error_counts[-1] == b.error_count(patterns)


def test_all_orders_are_equally_likely():
    machine = bl.Perceptron(3)
    start, end = bl.Solution(machine, [1, 1, 1]), bl.Solution(machine, [-1, -1, -1])
    patterns, rng = bl.Patterns.random(2, 3, seed=0), np.random.default_rng(0)
    orders = [tuple(bl.shortest_path(start, end, patterns, rng).flipped) for _ in range(1200)]
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    chi_square = np.sum((counts - 200) ** 2 / 200)
    assert len(counts) == 6
    assert chi_square < 27.9  # 5 degrees of freedom: false alarm rate 4e-5, and the seed is fixed


@given(problems(max_inputs=30), st.integers(1, 4), st.integers(0, 2**32))
def test_barrier_keeps_its_samples_and_the_mean_profile(problem, orders, seed):
    start, end, patterns = problem.solution(), problem.solution(), problem.patterns
    found = bl.barrier(start, end, patterns, orders, seed)
    assert found.samples.shape == (orders,)
    assert found.profile.shape == (round(bl.hamming(start, end) * problem.machine.n_weights) + 1,)
    assert found.n_points == len(found.profile)
    assert bl.shortest_path(start, end, patterns, seed).n_points == found.n_points
    assert found.max_of_mean <= found.mean + 1e-12
    assert found.mean == pytest.approx(found.samples.mean())
    assert np.isnan(found.std) == (orders == 1)


def test_different_machines_cannot_be_compared():
    a, b = bl.Solution(bl.Perceptron(3), [1, 1, 1]), bl.Solution(bl.Perceptron(4), [1, 1, 1, 1])
    for call in (lambda: bl.hamming(a, b), lambda: bl.shortest_path(a, b, bl.Patterns.random(2, 3, 0), 0)):
        with pytest.raises(ValueError, match="different machines"):
            call()


@given(problems(max_inputs=40))
def test_the_midpoint_is_half_way(problem):
    start, end = problem.solution(), problem.solution()
    latents = midpoint_latents(start, end, bl.SGD(), problem.rng)
    middle = bl.Solution(problem.machine, np.where(latents >= 0, 1, -1))
    n, d = problem.machine.n_weights, round(bl.hamming(start, end) * problem.machine.n_weights)
    assert round(bl.hamming(start, middle) * n) == d // 2
    assert round(bl.hamming(middle, end) * n) == d - d // 2
    assert len(np.unique(np.abs(latents))) == 1


def test_the_size_of_the_midpoint_latents_is_that_of_the_ends():
    train, machine = bl.Patterns.random(20, 11, seed=0), bl.Perceptron(11)
    a, b = (bl.fit(machine, train, bl.SGD(epochs=3), seed) for seed in (0, 1))
    size = np.mean([np.abs(a.latents).mean(), np.abs(b.latents).mean()])
    assert np.allclose(np.abs(midpoint_latents(a, b, bl.SGD(), 0)), size)


def test_optimized_path_joins_two_shortest_paths_at_the_trained_midpoint():
    train = bl.HiddenManifold(101, 51, seed=0).sample(120, seed=1)
    machine, settings = bl.CommitteeMachine(101, 11), bl.SGD(epochs=60)
    a, b = (bl.fit(machine, train, settings, seed) for seed in (1, 2))
    bend = bl.optimized_path(a, b, train, settings, seed=3)
    assert bend.midpoint.error(train) < 0.05
    assert bend.errors[0] == a.error(train)
    assert bend.errors[-1] == b.error(train)
    assert bend.errors[bend.first.length] == bend.midpoint.error(train)
    assert bend.length == len(bend.errors) - 1
    assert bend.barrier == bend.errors.max()
    assert bend.barrier < bl.shortest_path(a, b, train, seed=3).barrier
    assert bl.hamming(a, bend.midpoint) < bl.hamming(a, b)
    again = bl.optimized_path(a, b, train, settings, seed=3)
    assert np.array_equal(again.errors, bend.errors)
