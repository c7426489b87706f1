import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import binland as bl
from binland.algorithms import training
from binland.algorithms.fixed_point import as_integers, share_of, unit_of
from binland.bits import pack
from binland.errors import InvalidInputError
from binland.kernels.training import train_epoch
from tests.naive import training as naive
from tests.problems import Problem, problems

FORMS = ("in_gradient", "after_batch", "after_epoch")


@settings(max_examples=60)
@given(
    problems(max_patterns=60),
    st.integers(1, 4),
    st.integers(1, 70),
    st.sampled_from([0.3, 1.0, 2.0, math.inf]),
    st.sampled_from([0.1, 1.0]),
    st.sampled_from(FORMS),
    st.sampled_from([0.5, 10.0]),
    st.sampled_from([0.02, 1.0]),
    st.sampled_from([0.05, 1.0]),
)
def test_epochs_equal_the_naive_ones_bit_for_bit(
    problem, replicas, batch_size, window, scale, form, learning_rate, pull, clip
):
    compare(problem, replicas, batch_size, window, scale, form, learning_rate, pull, clip)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("n_patterns", "batch_size"), [(60, 20), (610, 450), (610, 610)])
def test_batches_that_divide_the_patterns_and_large_ones(n_patterns, batch_size, form):
    rng = np.random.default_rng(FORMS.index(form))
    problem = Problem(bl.CommitteeMachine(65, 6), bl.Patterns.random(n_patterns, 65, rng), rng)
    compare(problem, 3, batch_size, 1.0, 1.0, form, 1.0, 0.02, 1.0)


def test_sums_of_large_steps_are_32_bits_wide_and_of_small_ones_16():
    patterns = bl.HiddenManifold(65, 33, seed=0).sample(120, seed=1)
    run = training._Run(bl.CommitteeMachine(65, 7), patterns, bl.SGD(), [np.random.default_rng(2)], None)
    run.train(patterns, 1.0, 1, False)
    assert run.scratch.wide[0]
    run.train(patterns, 1e-3, 1, False)
    assert not run.scratch.wide[0]
    assert run.scratch.n_portions[0] > 0


def compare(problem, replicas, batch_size, window, scale, form, learning_rate, pull, clip):
    """Two epochs of the kernel and of the naive twin, from the same latents with the same shuffles."""
    machine, patterns, rng = problem.machine, problem.patterns, problem.rng
    run, expected, rule = both(problem, replicas, batch_size, window, scale, form, learning_rate, pull, clip)
    pulls = [(run.algorithm.pull(0) * learning_rate if form == other else 0) for other in FORMS]
    for _ in range(2):
        uniforms = rng.random((replicas, patterns.n_patterns))
        run.streams = [Given(row[None]) for row in uniforms]
        (errors,) = run.train(patterns, learning_rate, 1, False)
        order = np.stack([naive.shuffled(row) for row in uniforms])
        naive.train_epoch(expected, patterns.inputs, patterns.labels, problem.outputs, order, batch_size, rule, pulls)
        machines = [expected.sum(axis=0), *expected]
        solutions = [bl.Solution(machine, naive.sign(w).reshape(machine.weight_shape)) for w in machines]
        assert errors.tolist() == [s.error(patterns) for s in solutions]
    assert np.array_equal(run.integers(), expected)
    assert np.array_equal(run.state.words[:replicas], pack(expected))
    assert np.array_equal(run.state.words[-1], pack(expected.sum(axis=0)))


class Given:
    """A generator whose next numbers are known."""

    def __init__(self, uniforms):
        self.uniforms = uniforms

    def random(self, shape):
        assert self.uniforms.shape == shape
        return self.uniforms


def both(problem, replicas, batch_size, window, scale, form, learning_rate, pull, clip):
    """A run of the package whose latents lie near 0, those latents as the twin's integers, and its rule."""
    machine, patterns, rng = problem.machine, problem.patterns, problem.rng
    algorithm = bl.RSGD(
        batch_size=batch_size, ste_window=window, output_scale=scale, clip=clip, learning_rate=learning_rate,
        replicas=replicas, coupling=pull / learning_rate, coupling_growth=1.0, coupling_form=form,
    )  # fmt: skip
    step = learning_rate * scale / math.sqrt(machine.n_inputs)
    unit = naive.unit_of(clip, step, min(batch_size, patterns.n_patterns), replicas)
    latents = rng.uniform(-0.3, 0.3, (replicas, machine.n_hidden, machine.n_inputs))
    latents[rng.random(latents.shape) < 0.1] = 0.0  # sign(0) = +1 in the weights, too
    latents[rng.random(latents.shape) < 0.1] = -1e-30
    expected = naive.as_integers(latents, unit, clip)
    run = From(machine, patterns, algorithm, [rng] * replicas, latents)
    rule = {"learning_rate": learning_rate, "window": window, "clip": clip, "scale": scale, "unit": unit}
    return run, expected, rule | {"linear": machine.linear}


class From(training._Run):
    """A run whose replicas start from latents of their own."""

    def _first(self, start):
        return np.stack([as_integers(latents, self.unit, self.clip) for latents in start])


@pytest.mark.parametrize(
    "machine", [bl.Perceptron(101), bl.CommitteeMachine(101, 3), bl.CommitteeMachine(101, 11)], ids=str
)
def test_the_order_of_the_patterns_within_a_mini_batch_does_not_matter(machine):
    patterns, rng, ends = bl.Patterns.random(130, 101, seed=0), np.random.default_rng(1), []
    orders = [np.stack([rng.permutation(130) for _ in range(2)]) for _ in range(3)]
    for shuffled in (False, True):
        streams = [np.random.default_rng(k) for k in range(2)]
        run = training._Run(machine, patterns, bl.RSGD(batch_size=40, replicas=2), streams, None)
        examples, rule = training._examples(patterns, patterns), run._rule(1.0)
        for order in orders:
            rows = np.stack([within(row, 40, rng) if shuffled else row for row in order])
            train_epoch(
                run.state, examples, machine.output_signs, 101, rows, 40, rule, run._shares(1.0, 0), run.scratch
            )
        ends.append(run.integers())
    assert np.array_equal(*ends)


def within(order, size, rng):
    """The same batches, each in another order."""
    return np.concatenate([rng.permutation(order[start : start + size]) for start in range(0, len(order), size)])


@settings(max_examples=300)
@given(
    st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.floats(1e-3, 1e3), st.integers(1, 10**6), st.integers(1, 5000),
    st.integers(1, 10**6), st.integers(1, 50),
)  # fmt: skip
def test_no_sum_can_overflow(clip, rate, scale, batch_size, n_inputs, n_patterns, replicas):
    """Python's integers say what the largest sums are."""
    algorithm = bl.RSGD(
        clip=clip, learning_rate=rate, output_scale=scale, batch_size=batch_size, replicas=replicas, coupling=0.0
    )
    try:
        unit = unit_of(bl.CommitteeMachine(n_inputs, 3), algorithm, n_patterns)
    except InvalidInputError:
        return
    batch, limit = min(batch_size, n_patterns), math.floor(clip / unit)
    largest = math.floor(rate * scale / (math.sqrt(n_inputs) * batch) / unit + 0.5)  # of one pattern
    assert math.log2(unit) == round(math.log2(unit))
    assert replicas * limit < 2**31
    assert limit + batch * largest < 2**31
    finer = unit / 2
    fits = replicas * math.floor(clip / finer) < 2**31 and clip / finer + 2 * batch * largest + 2 * batch < 2**31
    assert largest >= 4095 or not fits


def test_the_coupling_is_the_schedules_in_units():
    algorithm = bl.RSGD(coupling=0.002, coupling_growth=1.002, replicas=5)
    for epoch in (0, 1, 2, 3, 17, 199):
        assert abs(share_of(1.0, algorithm, epoch) - 2**31 * algorithm.pull(epoch) / 5) <= 1
    assert share_of(1.0, bl.RSGD(coupling=1.0, coupling_growth=1.0, replicas=2), 7) == 2**30
