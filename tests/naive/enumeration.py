"""All weight vectors of a small machine, one after the other."""

import numpy as np

from tests.naive.machine import count_errors


def weights_of(code, shape):
    """Bit i of the code says that weight i, row by row, is +1."""
    bits = [(code >> i) & 1 for i in range(int(np.prod(shape)))]
    return np.array([1 if bit else -1 for bit in bits]).reshape(shape)


def error_counts(outputs, inputs, labels):
    """Errors of every code."""
    shape = len(outputs), inputs.shape[1]
    codes = range(2 ** int(np.prod(shape)))
    return [count_errors(weights_of(code, shape), outputs, inputs, labels) for code in codes]


def distances(codes, others, n):
    """How many of all pairs of a code and another one differ in 0, 1, ... n bits."""
    found = [0] * (n + 1)
    for a in codes:
        for b in others:
            found[bin(int(a) ^ int(b)).count("1")] += 1
    return found
