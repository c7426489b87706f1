"""Random deep networks for the property tests: odd and even sizes, across word boundaries, with many ties."""

import itertools
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

import deepbridge as db
from tests.naive import deep as naive
from tests.problems import signs


@dataclass
class Problem:
    """A network, data and a generator for everything else."""

    network: db.BinaryMLP | db.BinaryConvNet
    data: db.Dataset
    rng: np.random.Generator

    def solution(self, latents=False, zeros=0.0):
        """zeros: share of the latents that are 0, half of them -0."""
        shapes = self.network.weight_shapes
        drawn = [self.rng.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]
        if zeros:
            for layer in drawn:
                layer[self.rng.random(layer.shape) < zeros] *= 0
        weights = [np.where(layer >= 0, 1, -1) for layer in drawn]
        return db.Solution(self.network, weights, tuple(drawn) if latents else None)

    def symmetry(self):
        """A random exact symmetry: permutation and signs of each hidden layer."""
        layers = self.network.hidden_layers
        permutation = [self.rng.permutation(layer.n_units) for layer in layers]
        reversal = [
            signs(self.rng, layer.n_units)
            if self.network.symmetry(k).sign_reversal
            else np.ones(layer.n_units, np.int8)
            for k, layer in enumerate(layers)
        ]
        return permutation, reversal


def naive_classes(solution, inputs):
    network = solution.network
    return naive.classes(
        naive.logits(solution.weights, inputs, solution.ties, getattr(network, "pool", 2), network.fixed_output)
    )


def naive_errors(solution, data):
    return int(np.sum(naive_classes(solution, data.inputs) != data.classes))


def distinct_units(solution):
    """No two units of a layer have the same weights up to sign: a planted symmetry is then the only one."""
    for k in range(len(solution.network.hidden_layers)):
        rows = solution.weights[k].reshape(len(solution.weights[k]), -1).astype(int)
        overlap = np.abs(rows @ rows.T)
        np.fill_diagonal(overlap, 0)
        if overlap.max(initial=0) == rows.shape[1]:
            return False
    return True


def random_data(rng, shape, n_classes, n_patterns, largest=3):
    inputs = rng.integers(-largest, largest + 1, (n_patterns, *shape)).astype(np.int16)
    classes = rng.integers(n_classes, size=n_patterns)
    return db.Dataset(inputs, 2 * classes - 1 if n_classes == 2 else classes, n_classes)


@st.composite
def perceptrons(draw, max_inputs=80, max_hidden=70, max_layers=3, max_patterns=40, fixed=True, min_layers=0):
    """Multi-layer perceptrons."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = st.one_of(st.integers(1, 9), st.integers(1, max_hidden))
    hidden = tuple(draw(st.lists(size, min_size=min_layers, max_size=max_layers)))
    n_classes = draw(st.sampled_from([2, 3, 10]))
    fixed_output = bool(fixed and hidden and n_classes == 2 and draw(st.booleans()))
    n_inputs = draw(st.integers(1, max_inputs))
    network = db.BinaryMLP(n_inputs, hidden, 1 if n_classes == 2 else n_classes, fixed_output)
    data = random_data(rng, (n_inputs,), n_classes, draw(st.integers(1, max_patterns)))
    return Problem(network, data, rng)


@st.composite
def convnets(draw, max_patterns=20):
    """One or two convolutions and up to two fully connected layers."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(1, 2))
    size, pool = draw(st.sampled_from([(2, 2), (3, 2), (3, 1), (1, 2)]))
    smallest = 1
    for _ in range(count):
        smallest = smallest * pool + size - 1
    shape = (draw(st.integers(1, 3)), *(smallest + draw(st.integers(0, 3)) for _ in range(2)))
    filters = tuple(draw(st.integers(1, 7)) for _ in range(count))
    if count == 2 and draw(st.integers(0, 4)) == 0:
        filters = (65, filters[1])  # more than a word
    hidden = tuple(draw(st.lists(st.integers(1, 9), max_size=2)))
    n_classes = draw(st.sampled_from([2, 4]))
    network = db.BinaryConvNet(shape, filters, hidden, 1 if n_classes == 2 else n_classes, size, pool)
    return Problem(network, random_data(rng, shape, n_classes, draw(st.integers(1, max_patterns))), rng)


networks = st.one_of(perceptrons(), convnets())


def every_input(n):
    """All 2^n inputs."""
    return np.array(list(itertools.product((-1, 1), repeat=n)), np.int16).reshape(-1, n)
