"""Mean errors over all choices of k weights that are flipped, by counting choices."""

from math import comb

import numpy as np


def expected_errors(weights, outputs, inputs, labels):
    """(n + 1,) mean errors after k = 0, ..., n flips of the weights (H, N), in long double.

    choices[v, K]: of flips of the units so far, those of K weights with v positive votes, over 2^(their weights). All
    terms are positive: nothing cancels.
    """
    H, N = weights.shape
    total = np.zeros(H * N + 1, np.longdouble)
    for pattern, label in zip(inputs, labels, strict=True):
        choices = np.zeros((H + 1, H * N + 1), np.longdouble)
        choices[0, 0] = 1
        for row, output in zip(weights, outputs, strict=True):
            field = int(row.astype(int) @ pattern.astype(int))
            agreeing, opposing = (N + field) // 2, (N - field) // 2
            new = np.zeros_like(choices)
            for a in range(agreeing + 1):
                for b in range(opposing + 1):
                    ways = np.longdouble(comb(agreeing, a) * comb(opposing, b)) / np.longdouble(2) ** N
                    up = int((field - 2 * a + 2 * b >= 0) == (output > 0))
                    new[up:, a + b :] += ways * choices[: H + 1 - up, : H * N + 1 - a - b]
            choices = new
        votes = np.arange(H + 1)
        total += choices[(2 * votes >= H) != (label > 0)].sum(axis=0) / choices.sum(axis=0)
    return total
