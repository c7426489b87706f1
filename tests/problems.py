"""Random problems for the property tests."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

import binland as bl


@dataclass
class Problem:
    """A machine, patterns and a generator for everything else."""

    machine: bl.Perceptron | bl.CommitteeMachine
    patterns: bl.Patterns
    rng: np.random.Generator

    def solution(self):
        return bl.Solution(self.machine, signs(self.rng, self.machine.weight_shape))

    @property
    def outputs(self):
        return np.array(self.machine.output_signs, np.int64)


def signs(rng, shape):
    return (2 * rng.integers(0, 2, shape) - 1).astype(np.int8)


@st.composite
def problems(draw, max_inputs=150, max_hidden=9, max_patterns=40, kinds=("perceptron", "ones", "mixed")):
    """Odd and even sizes, across word boundaries; small ones with many ties."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    small = st.integers(1, min(8, max_inputs))
    n_inputs = draw(st.one_of(small, st.sampled_from([63, 64, 65, 127, 128]), st.integers(1, max_inputs)))
    n_inputs = min(n_inputs, max_inputs)
    kind = draw(st.sampled_from(kinds))
    n_hidden = draw(st.integers(1, max_hidden))
    if kind == "perceptron":
        machine = bl.Perceptron(n_inputs)
    elif kind == "ones":
        machine = bl.CommitteeMachine(n_inputs, n_hidden)
    else:
        machine = bl.CommitteeMachine(n_inputs, n_hidden, tuple(int(c) for c in signs(rng, n_hidden)))
    patterns = bl.Patterns.random(draw(st.integers(1, max_patterns)), n_inputs, rng)
    return Problem(machine, patterns, rng)
