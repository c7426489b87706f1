import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from binland.bits import from_bytes, pack, to_bytes
from binland.kernels.forward import outputs_into, preactivations_into
from binland.kernels.vectors import WIDTH
from tests.naive import machine as naive
from tests.problems import problems, signs


@given(st.integers(1, 300), st.integers(1, 5), st.integers(0, 2**32))
def test_packed_bits_are_the_signs(n, rows, seed):
    weights = signs(np.random.default_rng(seed), (rows, n))
    words = pack(weights)
    bits = [[int(word) >> k & 1 for word in row for k in range(64)] for row in words]
    assert np.array_equal(2 * np.array(bits)[:, :n] - 1, weights)
    assert not np.any(np.array(bits)[:, n:])
    assert np.array_equal(from_bytes(to_bytes(weights), weights.shape), weights)


def test_zero_packs_as_plus_one():
    assert pack(np.array([0.0, -0.0, -1e-9, 2.0])).tolist() == [0b1011]


@given(problems())
def test_forward_kernels_equal_the_naive_network(problem):
    solution, patterns, machine = problem.solution(), problem.patterns, problem.machine
    words = pack(solution.units)
    fields = np.empty((machine.n_hidden, patterns.n_patterns), np.int32)
    preactivations_into(words, patterns.words, machine.n_inputs, fields)
    expected = solution.units.astype(int) @ patterns.inputs.astype(int).T
    assert np.array_equal(fields, expected)

    out = np.empty(patterns.stacks.shape[0] * WIDTH, np.int64)
    outputs_into(words, patterns.stacks, machine.output_signs, machine.n_inputs, out)
    assert np.array_equal(out[: patterns.n_patterns], problem.outputs @ naive.sign(expected))
    errors = naive.count_errors(solution.units, problem.outputs, patterns.inputs, patterns.labels)
    assert solution.error_count(patterns) == errors
