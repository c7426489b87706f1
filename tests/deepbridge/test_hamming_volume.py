"""Volumes of Hamming shells of deep binary networks against all weight vectors, and against shallow machines."""

import math

import numpy as np
import pytest

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError
from tests.naive import flatness as naive


@pytest.mark.parametrize(
    "network",
    [db.BinaryMLP(4, (3,), 1), db.BinaryMLP(3, (3,), 3), db.BinaryConvNet((1, 4, 4), (2,), (), 3, filter_size=3)],
)
def test_intervals_hold_the_shares_of_all_weight_vectors(network):
    rng = np.random.default_rng(0)
    shape = (12, *network.input_shape) if isinstance(network, db.BinaryConvNet) else (12, network.n_inputs)
    labels = [-1, 1] if network.n_outputs == 1 else range(network.n_outputs)
    data = db.Dataset(rng.choice([-1, 1], shape).astype(np.int8), rng.choice(labels, size=12), len(labels))
    solution = db.fit(network, data, db.SGD(epochs=20), seed=0, progress=False)
    most = solution.error_count(data) + 1

    def errors(flat):
        return db.Solution(network, network.split(flat)).error_count(data)

    n = network.n_weights
    found = db.hamming_volume(solution, data, np.arange(4) / n, most / 12, 400, confidence=0.99)
    exact = naive.hamming_hits(solution.flat, range(4), errors, most)
    low, high = found.share_intervals.T
    shares = np.array([hits / math.comb(n, k) for k, hits in enumerate(exact)])
    assert ((low <= shares) & (shares <= high)).all()
    assert found.max_errors == most
    assert found.n_weights == n
    assert found.log_volume_interval[0] <= math.log(sum(exact)) <= found.log_volume_interval[1]


def test_data_and_arguments_are_checked():
    train = bl.Patterns.random(10, 7, seed=0)
    solution = db.fit(db.BinaryMLP(7, (3,)), train, db.SGD(epochs=2), seed=0, progress=False)
    with pytest.raises(InvalidInputError, match="max_error=2"):
        db.hamming_volume(solution, train, [0.1], 2)
    with pytest.raises(InvalidInputError, match="confidence=0"):
        db.hamming_volume(solution, train, [0.1], confidence=0)
    with pytest.raises(InvalidInputError):
        db.hamming_volume(solution, bl.Patterns.random(10, 8, seed=0), [0.1])
