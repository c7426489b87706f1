import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from binland.bits import pack, unpack
from binland.kernels.forward import count_errors, outputs_into, preactivations_into
from tests.naive import machine as naive
from tests.problems import problems, signs


@given(st.integers(1, 300), st.integers(1, 5), st.integers(0, 2**32))
def test_unpack_undoes_pack(n, rows, seed):
    weights = signs(np.random.default_rng(seed), (rows, n))
    assert np.array_equal(unpack(pack(weights), n), weights)


def test_zero_packs_as_plus_one():
    assert np.array_equal(unpack(pack(np.array([0.0, -0.0, -1e-9, 2.0])), 4), [1, 1, -1, 1])


@given(problems())
def test_forward_kernels_equal_the_naive_network(problem):
    solution, patterns, machine = problem.solution(), problem.patterns, problem.machine
    words = pack(solution.units)
    fields = np.empty((machine.n_hidden, patterns.n_patterns), np.int32)
    preactivations_into(words, patterns.words, machine.n_inputs, fields)
    expected = solution.units.astype(int) @ patterns.inputs.astype(int).T
    assert np.array_equal(fields, expected)

    out = np.empty(patterns.n_patterns, np.int64)
    outputs_into(words, patterns.words, machine.output_signs, machine.n_inputs, out)
    assert np.array_equal(out, problem.outputs @ naive.sign(expected))

    labels = np.array(patterns.labels)
    errors = count_errors(words, patterns.words, labels, machine.output_signs, machine.n_inputs)
    assert errors == naive.count_errors(solution.units, problem.outputs, patterns.inputs, labels)
