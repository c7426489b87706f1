"""Matching of units, written plainly, one unit at a time; imports nothing from the packages.

Weights are lists of int arrays, (H, N) or (F, C, K, K); a move is the permutation and the signs of one hidden layer.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

from tests.naive.deep import convolution, max_pool, sign


def outgoing(weights, k, units, h):
    """Weights that read unit h of layer k: a view."""
    return weights[k + 1].reshape(len(weights[k + 1]), units, -1)[:, h]


def moved(weights, moves, without=None):
    """Unit permutation[h], times signs[h], at place h of each hidden layer, but not of the layer `without`."""
    for k, (permutation, signs) in enumerate(moves):
        if k == without:
            continue
        after = [w.copy() for w in weights]
        for h, (unit, s) in enumerate(zip(permutation, signs, strict=True)):
            after[k][h] = s * weights[k][unit]
            if k + 1 < len(weights):
                outgoing(after, k, len(signs), h)[...] = s * outgoing(weights, k, len(signs), unit)
        weights = after
    return weights


def overlap(a, b):
    """Of all weights."""
    return sum(int((x * y).sum()) for x, y in zip(a, b, strict=True))


def distance(a, b):
    """Number of differing weights."""
    return sum(int((x != y).sum()) for x, y in zip(a, b, strict=True))


def table(weights, target, k):
    """What unit j of layer k adds to the overlap at place i."""
    units = len(weights[k])
    out = np.zeros((units, units))
    for i in range(units):
        for j in range(units):
            out[i, j] = (target[k][i] * weights[k][j]).sum()
            if k + 1 < len(weights):
                out[i, j] += (outgoing(target, k, units, i) * outgoing(weights, k, units, j)).sum()
    return out


def descent(weights, target, moves, reversible, rng):
    """One layer after the other, as long as the overlap of all weights grows."""
    for _ in range(100):
        before = overlap(moved(weights, moves), target)
        for k in rng.permutation(len(moves)):
            fits = table(moved(weights, moves, without=k), target, k)
            places, units = linear_sum_assignment(np.abs(fits) if reversible[k] else fits, maximize=True)
            signs = [-1 if reversible[k] and fits[h, u] < 0 else 1 for h, u in zip(places, units, strict=True)]
            tried = [*moves[:k], (units, signs), *moves[k + 1 :]]
            if overlap(moved(weights, tried), target) > overlap(moved(weights, moves), target):
                moves = tried
        if overlap(moved(weights, moves), target) == before:
            break
    return moves


def outputs(weights, inputs, ties, pool):
    """(H, patterns times positions) signs of each hidden layer that has weights behind or fixed ones."""
    x, out = np.asarray(inputs, np.int64), []
    for w, tie in zip(weights, ties, strict=False):
        x = max_pool(convolution(x, w), pool) if w.ndim == 4 else x.reshape(len(x), -1) @ w.T
        x = sign(x, tie)
        out.append(np.moveaxis(x, 1, 0).reshape(x.shape[1], -1))
    return out


def correlation(x, y):
    """Pearson's, 0 of a constant."""
    x, y = x - x.mean(), y - y.mean()
    return (x * y).mean() / np.sqrt((x * x).mean() * (y * y).mean()) if x.any() and y.any() else 0.0
