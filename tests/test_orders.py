"""Guided, annealed and exact orders of shortest paths."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import binland as bl
from binland.fields import Fields
from binland.guided import Stages, Surrogate, best, shallow_order
from binland.kernels.guide import transpose
from binland.orders import as_order
from binland.walks import random_order
from tests.naive import machine as naive
from tests.naive import orders as twin
from tests.problems import problems, signs

CONSTANTS = st.sampled_from([0.05, 0.25, 1.0, 4.0])
FORCED = st.sampled_from([0.0, 0.1, 0.5, 1.0])


@given(problems(max_inputs=40), st.integers(1, 9), st.integers(1, 5), FORCED, CONSTANTS, CONSTANTS)
def test_guided_orders_are_those_of_the_naive_twin(problem, stages, candidates, forced, steepness, window):
    start, end, patterns = problem.solution(), problem.solution(), problem.patterns
    data = problem.outputs, patterns.inputs, patterns.labels.astype(int)
    options = {"stages": stages, "candidates": candidates, "forced": forced}
    settings = bl.Guided(**options, steepness=steepness, window=window)

    def gain(weights, places):
        return twin.gains(weights, end.units, places, *data, steepness, window)

    path = bl.shortest_path(start, end, patterns, order=settings)
    assert path.flipped.tolist() == twin.order(start.units, end.units, *data, stages, candidates, forced, gain)
    assert path.error_counts.tolist() == naive.path_error_counts(start.units, *data, path.flipped)
    assert sorted(path.flipped.tolist()) == np.flatnonzero(start.weights != end.weights).tolist()
    assert path.order == settings


@given(problems(max_inputs=200, max_patterns=300), CONSTANTS, CONSTANTS)
def test_integer_gains_are_the_gradient_up_to_rounding(problem, steepness, window):
    start, end, patterns = problem.solution(), problem.solution(), problem.patterns
    settings = bl.Guided(steepness=steepness, window=window)
    places = np.flatnonzero(start.weights != end.weights)
    found = Surrogate(start, patterns, settings).gains(places)
    data = problem.outputs, patterns.inputs, patterns.labels.astype(int)
    expected, largest = twin.real_gains(start.units, end.units, places, *data, steepness, window)
    assert np.abs(found - 15 * expected / largest).max(initial=0) <= 0.52 * patterns.n_patterns


def test_guided_orders_at_the_sizes_of_a_laptop():
    """Many units, several words of patterns, 16 and 32 bits, against the twin; and far below random orders."""
    train = bl.HiddenManifold(101, 31, seed=0).sample(303, seed=1)
    machine = bl.CommitteeMachine(101, 21, tuple(int(c) for c in signs(np.random.default_rng(0), 21)))
    start, end = (bl.fit(machine, train, bl.SGD(epochs=20), seed) for seed in (0, 1))
    settings = bl.Guided(stages=7)
    data = np.array(machine.output_signs, int), train.inputs, train.labels.astype(int)

    def gain(weights, places):
        return twin.gains(weights, end.units, places, *data, settings.steepness, settings.window)

    path = bl.shortest_path(start, end, train, order=settings)
    assert path.flipped.tolist() == twin.order(
        start.units, end.units, *data, 7, settings.candidates, settings.forced, gain
    )
    assert bl.barrier(start, end, train, order="guided").mean < bl.barrier(start, end, train).samples.min()
    backwards = bl.shortest_path(end, start, train, order="guided")
    assert sorted(backwards.flipped) == sorted(path.flipped)
    assert backwards.error_counts[0] == path.error_counts[-1]


def test_wide_machines_count_in_32_bits():
    machine, rng = bl.Perceptron(2**14 + 1), np.random.default_rng(0)
    patterns = bl.Patterns(np.concatenate([np.ones((1, 2**14 + 1)), signs(rng, (5, 2**14 + 1))]), [1, 1, 1, -1, -1, 1])
    start, end = (bl.Solution(machine, np.full(2**14 + 1, sign)) for sign in (1, -1))
    path = bl.shortest_path(start, end, patterns, order=bl.Guided(stages=20))
    for t in (0, 1, 5000, 8192, 8193, 16_000, 2**14 + 1):
        assert path.solution(t / path.length).error_count(patterns) == path.error_counts[t]
    fields = Fields(start, patterns)
    assert fields.fields.dtype == np.int32
    assert fields.follow(path.flipped).tolist() == path.error_counts[1:].tolist()


@given(problems(max_inputs=150, max_patterns=150), st.integers(0, 2**32))
def test_fields_follow_flips_forth_and_back(problem, seed):
    start, end, patterns = problem.solution(), problem.solution(), problem.patterns
    path = bl.shortest_path(start, end, patterns, seed)
    fields = Fields(start, patterns)
    before = [array.copy() for array in fields.arrays]
    assert fields.follow(path.flipped).tolist() == path.error_counts[1:].tolist()
    fields.follow(path.flipped[::-1])
    assert all(np.array_equal(a, b) for a, b in zip(before, fields.arrays, strict=True))


def test_bits_are_transposed():
    block = np.random.default_rng(0).integers(0, 2**63, 64).astype(np.uint64)
    bits = (block[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    transpose(block)
    assert np.array_equal((block[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1), bits.T)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30), st.data())
def test_equal_gains_are_taken_by_place(gains, data):
    count = data.draw(st.integers(1, len(gains)))
    expected = sorted(range(len(gains)), key=lambda k: (-gains[k], k))[:count]
    assert best(np.array(gains), count).tolist() == expected
    assert best(np.array(gains, float), count).tolist() == expected


# Other guides


def test_a_guide_sees_where_the_path_stands():
    rng = np.random.default_rng(0)
    machine, patterns = bl.CommitteeMachine(9, 3), bl.Patterns.random(20, 9, seed=0)
    start, end = (bl.Solution(machine, signs(rng, (3, 9))) for _ in range(2))
    seen = []

    def guide(solution, places, given_patterns):
        assert given_patterns is patterns
        seen.append((solution, places.copy()))
        places[:] = 0  # its own copy
        return -np.arange(len(places))

    path = bl.shortest_path(start, end, patterns, order=bl.Guided(stages=4, candidates=1, guide=guide))
    assert path.flipped.tolist() == np.flatnonzero(start.weights != end.weights).tolist()
    for solution, places in seen:
        done = path.length - len(places)
        assert sorted(places) == sorted(path.flipped[done:])
        assert np.array_equal(solution.weights, path.solution(done / path.length).weights)


def test_the_built_in_surrogate_as_a_guide_of_ones_own():
    train = bl.HiddenManifold(51, 21, seed=0).sample(90, seed=1)
    a, b = (bl.fit(bl.CommitteeMachine(51, 5), train, bl.SGD(epochs=5), seed) for seed in (0, 1))
    settings = bl.Guided(stages=10)
    mine = bl.Guided(stages=10, guide=lambda here, places, data: Surrogate(here, data, settings).gains(places))
    paths = [bl.shortest_path(a, b, train, order=order) for order in (settings, mine)]
    assert paths[0].flipped.tolist() == paths[1].flipped.tolist()


@pytest.mark.parametrize(
    "gains", [[1.0], "text", None, np.nan, [[1.0, 2.0]], lambda n: np.full(n, np.inf), lambda n: np.zeros((n, 1))]
)
def test_a_guide_that_gives_anything_else_is_refused(gains):
    patterns = bl.Patterns.random(5, 9, seed=0)
    a, b = (bl.Solution(bl.Perceptron(9), np.full(9, sign)) for sign in (1, -1))

    def wrong(_solution, places, _patterns):
        return gains(len(places)) if callable(gains) else gains

    with pytest.raises(ValueError, match="gain") as caught:
        bl.shortest_path(a, b, patterns, order=bl.Guided(guide=wrong))
    assert "\n" not in str(caught.value)


# Annealed and exact


@given(problems(max_inputs=30), st.integers(0, 2**32), st.sampled_from(["guided", "random"]), st.integers(1, 40))
def test_annealed_orders_are_orders_with_exact_errors_and_no_higher_barrier(problem, seed, begin, reach):
    start, end, patterns = problem.solution(), problem.solution(), problem.patterns
    settings = bl.Annealed(start=begin, budget=3000, reach=reach)
    path = bl.shortest_path(start, end, patterns, seed, settings)
    data = problem.outputs, patterns.inputs, patterns.labels
    assert sorted(path.flipped.tolist()) == np.flatnonzero(start.weights != end.weights).tolist()
    assert path.error_counts.tolist() == naive.path_error_counts(start.units, *data, path.flipped)
    again = bl.shortest_path(start, end, patterns, seed, settings)
    assert again.flipped.tolist() == path.flipped.tolist()
    if begin == "guided":
        assert path.barrier <= bl.shortest_path(start, end, patterns, order="guided").barrier


def near(rng, flips, inputs=21, units=3, patterns=60):
    """A solution, and another that differs from it in a few weights."""
    train, machine = bl.Patterns.random(patterns, inputs, rng), bl.CommitteeMachine(inputs, units)
    start = bl.fit(machine, train, bl.SGD(epochs=10), seed=rng)
    weights = start.weights.copy()
    weights.reshape(-1)[rng.choice(weights.size, flips, replace=False)] *= -1
    return start, bl.Solution(machine, weights), train


@pytest.mark.parametrize("flips", [0, 1, 2, 5, 6])
def test_the_exact_order_is_the_best_of_all(flips):
    rng = np.random.default_rng(flips)
    for _ in range(5):
        start, end, train = near(rng, flips)
        path = bl.shortest_path(start, end, train, order="exact")
        data = np.ones(3, int), train.inputs, train.labels
        places = np.flatnonzero(start.weights != end.weights)
        assert max(path.error_counts) == twin.lowest_barrier(start.units, *data, permutations(places))
        assert sorted(path.flipped) == places.tolist()


def test_annealed_orders_find_the_exact_minimum_of_small_systems():
    rng, missed, random = np.random.default_rng(1), 0, 0
    for _ in range(30):
        start, end, train = near(rng, 12)
        lowest = bl.shortest_path(start, end, train, order="exact").barrier
        found = bl.barrier(start, end, train, 1, 0, bl.Annealed(start="random", budget=20_000)).mean
        assert found >= lowest
        missed += found > lowest
        random += bl.shortest_path(start, end, train, 0).barrier > lowest
    assert missed <= 1
    assert random >= 10


def test_exact_orders_of_long_paths_are_refused():
    a, b = (bl.Solution(bl.Perceptron(21), np.full(21, sign)) for sign in (1, -1))
    with pytest.raises(ValueError, match="differ in 21 weights"):
        bl.shortest_path(a, b, bl.Patterns.random(5, 21, seed=0), order="exact")


# Controls


def test_a_guide_with_shuffled_labels_does_not_help():
    train = bl.HiddenManifold(201, 51, seed=0).sample(153, seed=1)
    a, b = (bl.fit(bl.CommitteeMachine(201, 11), train, bl.SGD(), seed) for seed in (0, 1))
    shuffled = bl.Patterns(train.inputs, np.random.default_rng(0).permutation(train.labels))
    settings = bl.Guided(stages=20)

    def misled(here, places, _data):
        return Surrogate(here, shuffled, settings).gains(places)

    def height(order):
        return bl.shortest_path(a, b, train, order=order).barrier

    random = bl.barrier(a, b, train).mean
    assert height(bl.Guided(stages=20, candidates=1)) < random / 4
    assert height(bl.Guided(stages=20, candidates=1, guide=misled)) > random


def test_between_random_weights_the_ends_stay_above_everything():
    """Guided paths leave the ends' error behind; barriers are the ends themselves, as on random paths."""
    train, machine = bl.Patterns.random(200, 51, seed=0), bl.CommitteeMachine(51, 5)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        a, b = (bl.Solution(machine, signs(rng, (5, 51))) for _ in range(2))
        path = bl.shortest_path(a, b, train, order="guided")
        assert path.barrier == max(a.error(train), b.error(train))
        assert path.errors.min() > 0


# Arguments, and what a path knows


def test_solutions_on_a_path():
    train = bl.HiddenManifold(51, 21, seed=0).sample(90, seed=1)
    a, b = (bl.fit(bl.CommitteeMachine(51, 5), train, bl.SGD(epochs=5), seed) for seed in (0, 1))
    path = bl.shortest_path(a, b, train, order="guided")
    for t in (0, 0.3, 0.5, 1.0):
        here = path.solution(t)
        done = round(t * path.length)
        assert here.error_count(train) == path.error_counts[done]
        assert np.count_nonzero(here.weights != a.weights) == done
        alike = a.weights == b.weights
        assert np.allclose(here.latents[alike], ((1 - t) * a.latents + t * b.latents)[alike])
        assert np.all((here.latents == a.latents) | (here.latents == b.latents) | alike)
    assert np.array_equal(path.solution(0).latents, a.latents)
    assert np.array_equal(path.solution(1).latents, b.latents)
    bare = bl.Solution(b.machine, b.weights)
    assert bl.shortest_path(a, bare, train).solution(0.5).latents is None
    for t in (-0.1, 1.1, np.nan, "half", None, True):
        with pytest.raises(ValueError, match="not a number from 0 to 1"):
            path.solution(t)
    with pytest.raises(ValueError, match="does not know its two solutions"):
        bl.Path(path.error_counts, 90, path.flipped).solution(0.5)


def test_latents_of_zero_keep_their_sign():
    machine = bl.Perceptron(3)
    tiny = np.float32(-1e-45)
    a = bl.Solution(machine, [1, -1, -1], latents=[0.0, tiny, tiny])
    b = bl.Solution(machine, [-1, -1, 1], latents=[tiny, tiny, 0.0])
    path = bl.shortest_path(a, b, bl.Patterns.random(3, 3, seed=0))
    for t in (0, 0.5, 1):
        here = path.solution(t)  # refuses latents whose signs are not the weights
        assert np.array_equal(np.where(here.latents >= 0, 1, -1), here.weights)


@pytest.mark.parametrize("order", ["best", "", None, 3, bl.Guided, ["guided"], b"guided"])
def test_other_orders_are_refused_in_one_line(order):
    patterns = bl.Patterns.random(5, 9, seed=0)
    a, b = (bl.Solution(bl.Perceptron(9), np.full(9, sign)) for sign in (1, -1))
    for verb in (bl.shortest_path, bl.barrier):
        with pytest.raises(ValueError, match="is not one of 'random', 'guided', 'annealed', 'exact'"):
            verb(a, b, patterns, order=order)


def test_a_guided_order_is_one():
    patterns = bl.Patterns.random(5, 9, seed=0)
    a, b = (bl.Solution(bl.Perceptron(9), np.full(9, sign)) for sign in (1, -1))
    assert bl.barrier(a, b, patterns, order="guided").samples.shape == (1,)
    assert bl.barrier(a, b, patterns, order="annealed").samples.shape == (5,)
    assert bl.barrier(a, b, patterns, 2, order="annealed").order == bl.Annealed()
    with pytest.raises(ValueError, match="orders=5, but a path has one guided order"):
        bl.barrier(a, b, patterns, 5, order="guided")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stages": 0}, "stages"),
        ({"stages": 10**7}, "stages"),
        ({"candidates": 1.5}, "candidates"),
        ({"steepness": 0}, "steepness"),
        ({"window": np.nan}, "window"),
        ({"guide": "gradient"}, "guide"),
    ],
)
def test_settings_of_guided_orders(settings, message):
    with pytest.raises(ValueError, match=message):
        bl.Guided(**settings)


@pytest.mark.parametrize("settings", [{"start": "best"}, {"budget": 0}, {"reach": -1}, {"temperature": -1.0}])
def test_settings_of_annealed_orders(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        bl.Annealed(**settings)


def test_words_are_default_settings():
    assert as_order("guided") == bl.Guided()
    assert as_order("annealed") == bl.Annealed()


def test_nothing_to_flip():
    patterns = bl.Patterns.random(5, 9, seed=0)
    a = bl.Solution(bl.Perceptron(9), np.ones(9))
    for order in ("random", "guided", "annealed", "exact"):
        path = bl.shortest_path(a, a, patterns, order=order)
        assert path.length == 0
        assert path.error_counts.tolist() == [a.error_count(patterns)]
        assert np.array_equal(path.solution(0.5).weights, a.weights)


def test_postponed_flips_keep_the_order_of_their_gains():
    """A stage's flips that keep to the limit come first, in the order of their gains, then the postponed ones."""
    rng = np.random.default_rng(3)
    machine, patterns = bl.Perceptron(9), bl.Patterns.random(30, 9, seed=3)
    start, end = (bl.Solution(machine, signs(rng, 9)) for _ in range(2))
    fields = Fields(start, patterns)
    places = random_order(rng, np.flatnonzero(start.weights != end.weights))
    chosen = fields.flip(places, len(places), len(places), limit=0)
    assert sorted(chosen) == list(range(len(places)))
    assert fields.error_count == end.error_count(patterns)
    assert np.array_equal(fields.weights, end.weights)


@pytest.mark.parametrize(
    ("possible", "forced", "sizes"),
    [
        (9, 0.5, [(3, 2), (3, 2), (2, 1), (2, 1)]),
        (0, 0.1, [(3, 1), (3, 1), (4, 1), (7, 1), (6, 1), (5, 1), (4, 1), (3, 1), (2, 1), (1, 1)]),
    ],
)
def test_stages_are_of_equal_size(possible, forced, sizes):
    """What machines and deep networks share; what a stage does not do is left to the later ones."""
    asked = []

    class Counting:
        error_count = 0

        def flip(self, places, count, least, limit):
            asked.append((count, least))
            return np.arange(max(least, min(count, possible)))

    path = Stages(Counting(), np.arange(10), bl.Guided(stages=4, forced=forced), 0)
    while path.left.size:
        path.step(np.zeros(len(path.left)))
    assert path.order.tolist() == list(range(10))
    assert asked == sizes


def test_a_path_of_one_stage_is_sorted_by_gain():
    train = bl.HiddenManifold(51, 21, seed=0).sample(90, seed=1)
    a, b = (bl.fit(bl.CommitteeMachine(51, 5), train, bl.SGD(epochs=5), seed) for seed in (0, 1))
    gains = Surrogate(a, train, bl.Guided()).gains(np.flatnonzero(a.weights != b.weights))
    order = shallow_order(a, b, train, bl.Guided(stages=1, candidates=1))
    ranks = np.searchsorted(np.flatnonzero(a.weights != b.weights), order)
    assert np.all(np.diff(gains[ranks]) <= 0)


@pytest.mark.parametrize("steepness", [1e-12, 800.0, 1e12])
def test_extreme_surrogates(steepness):
    """Of patterns that are all right the most urgent one counts in full, however little that is."""
    rng = np.random.default_rng(0)
    machine, inputs = bl.CommitteeMachine(101, 1), signs(rng, (40, 101))
    start, end = (bl.Solution(machine, signs(rng, (1, 101))) for _ in range(2))
    patterns = bl.Patterns(inputs, start.predict(inputs))
    data = np.ones(1, int), inputs, patterns.labels.astype(int)
    with np.errstate(all="raise", under="ignore"):
        path = bl.shortest_path(start, end, patterns, order=bl.Guided(stages=5, steepness=steepness))

    def gain(weights, places):
        return twin.gains(weights, end.units, places, *data, min(steepness, 500.0), bl.Guided().window)

    assert path.flipped.tolist() == twin.order(start.units, end.units, *data, 5, 4, 0.1, gain)


def test_a_stage_without_flips_asks_no_guide():
    patterns, calls = bl.Patterns.random(5, 9, seed=0), []
    a, b = (bl.Solution(bl.Perceptron(9), np.full(9, sign)) for sign in (1, -1))

    def guide(solution, places, data):
        calls.append(len(places))
        return np.zeros(len(places))

    bl.shortest_path(a, b, patterns, order=bl.Guided(stages=100_000, guide=guide))
    assert calls == [9, 8, 7, 6, 5, 4, 3, 2, 1]
