import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import binland as bl
from binland.algorithms.training import _State, _window
from binland.bits import pack
from binland.kernels.training import TILE, StepRule, centre_into, train_epoch
from tests.naive import training as naive
from tests.problems import Problem, problems


@settings(max_examples=60)
@given(
    problems(max_patterns=60),
    st.integers(1, 4),
    st.integers(1, 70),
    st.sampled_from([0.3, 1.0, 2.0, math.inf]),
    st.sampled_from([0.1, 1.0]),
    st.sampled_from([0, 1, 2]),
    st.sampled_from([0.5, 10.0]),
)
def test_epochs_equal_the_naive_ones_bit_for_bit(problem, replicas, batch_size, window, scale, form, learning_rate):
    compare(problem, replicas, batch_size, window, scale, form, learning_rate)


@pytest.mark.parametrize("form", [0, 1, 2])
@pytest.mark.parametrize(("n_patterns", "batch_size"), [(60, 20), (610, 450), (610, 610)])
def test_batches_that_divide_the_patterns_and_large_ones(n_patterns, batch_size, form):
    rng = np.random.default_rng(form)
    problem = Problem(bl.CommitteeMachine(65, 6), bl.Patterns.random(n_patterns, 65, rng), rng)
    compare(problem, 3, batch_size, 1.0, 1.0, form, 1.0)


def compare(problem, replicas, batch_size, window, scale, form, learning_rate):
    """Two epochs of the kernel and of the naive twin, from the same latents with the same shuffles."""
    machine, patterns, rng = problem.machine, problem.patterns, problem.rng
    shape = (replicas, machine.n_hidden, machine.n_inputs)
    expected = rng.uniform(-0.3, 0.3, shape).astype(np.float32)
    expected[rng.random(shape) < 0.1] = 0.0  # sign(0) = +1 in the weights, too
    state = _State(machine, patterns, bl.SGD(batch_size=batch_size), [rng] * replicas, None)
    latents = np.zeros((*shape[:2], TILE * len(state.tiles)), np.float32)
    latents[..., : machine.n_inputs] = expected
    state.tiles[:] = latents.reshape(*shape[:2], -1, TILE).transpose(2, 0, 1, 3)
    state.words[:] = pack(expected)
    pulls = np.zeros(3, np.float32)
    pulls[form] = 0.02
    rule = StepRule(np.float32(learning_rate), _window(machine, window), np.float32(1.0), scale, machine.linear)
    plain = {"learning_rate": learning_rate, "window": window, "clip": 1.0, "scale": scale, "linear": machine.linear}
    labels = np.array(patterns.labels)
    for _ in range(2):
        order = np.stack([rng.permutation(patterns.n_patterns) for _ in range(replicas)])
        train_epoch(
            state.tiles, state.words, patterns.words, labels, machine.output_signs, machine.n_inputs,
            order, batch_size, rule, pulls, state.scratch,
        )  # fmt: skip
        naive.train_epoch(expected, patterns.inputs, labels, problem.outputs, order, batch_size, plain, pulls)
    assert np.array_equal(state.latents(), expected)
    assert np.array_equal(state.words, pack(expected))
    centre = np.zeros_like(state.words[0])
    centre_into(state.tiles, machine.n_inputs, centre)
    assert np.array_equal(centre, pack(expected.mean(axis=0)))
