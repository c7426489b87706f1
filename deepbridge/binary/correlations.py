"""Correlations between the hidden units of two networks on the same inputs."""

import math

import numpy as np
from numpy.typing import NDArray

from binland.bits import Words, pack
from binland.kernels.forward import preactivations_into
from deepbridge.binary.counting import Walk, hidden_bits
from deepbridge.binary.solutions import Solution
from deepbridge.common.data import Dataset


def correlations(first: Solution, second: Solution, data: Dataset) -> list[NDArray[np.float64]]:
    """Per hidden layer (H, H): Pearson correlation of the output of unit i of `first` with that of unit j of `second`.

    Over all patterns, and all positions of a filter behind its max-pool; 0 where a unit never changes. Both are
    solutions of one network, which the data fit.
    """
    bits = [hidden_bits(one.network, data, Walk.standing(one.flat, one.ties)) for one in (first, second)]
    counts = [data.n_patterns * math.prod(layer.pooled_shape) for layer in first.network.hidden_layers]
    return [_pearson(x, y, count) for x, y, count in zip(*bits, counts, strict=True)]


def _pearson(x: Words, y: Words, count: int) -> NDArray[np.float64]:
    """Correlations (H, H) of rows of `count` bits, in integers up to the final division."""
    always = pack(np.ones((1, count)))
    x_sums, y_sums = _products(x, always, count), _products(always, y, count)
    covariance = count * _products(x, y, count) - x_sums * y_sums
    sizes = np.sqrt(count**2 - x_sums**2) * np.sqrt(count**2 - y_sums**2)
    return np.divide(covariance, sizes, out=np.zeros(sizes.shape), where=sizes > 0)


def _products(x: Words, y: Words, count: int) -> NDArray[np.int64]:
    """Sums (H, H) of the products of signs over `count` places."""
    out = np.empty((len(x), len(y)), np.int64)
    preactivations_into(x, y, count, out)
    return out
