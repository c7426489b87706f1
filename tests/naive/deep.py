"""Deep binary networks in plain numpy, int64 throughout; imports nothing from the packages."""

import numpy as np


def sign(values, ties=None):
    """sign with sign(0) = +1, or the unit's tie (along axis 1)."""
    signs = np.where(values >= 0, 1, -1).astype(np.int64)
    if ties is not None:
        shape = (1, -1) + (1,) * (values.ndim - 2)
        signs = np.where(values == 0, np.asarray(ties, np.int64).reshape(shape), signs)
    return signs


def convolution(x, w):
    """x (P, C, Y, X), w (F, C, K, K) -> (P, F, Y - K + 1, X - K + 1), no padding."""
    k = w.shape[2]
    out = np.zeros((len(x), len(w), x.shape[2] - k + 1, x.shape[3] - k + 1), np.int64)
    for r in range(out.shape[2]):
        for c in range(out.shape[3]):
            out[:, :, r, c] = np.tensordot(x[:, :, r : r + k, c : c + k], w, ((1, 2, 3), (1, 2, 3)))
    return out


def max_pool(x, pool):
    """Maxima over pool x pool; what fills no whole pool is left out."""
    rows, columns = x.shape[2] // pool, x.shape[3] // pool
    x = x[:, :, : rows * pool, : columns * pool]
    return x.reshape(*x.shape[:2], rows, pool, columns, pool).max(axis=(3, 5))


def logits(weights, inputs, ties=None, pool=2, fixed_output=False):
    """(P, C) int64 sums of the output layer; weights per layer, (F, C, K, K) or (H, N)."""
    weights = [np.asarray(w, np.int64) for w in weights]
    if fixed_output:
        weights.append(np.ones((1, len(weights[-1])), np.int64))
    x = np.asarray(inputs, np.int64)
    for k, w in enumerate(weights):
        x = max_pool(convolution(x, w), pool) if w.ndim == 4 else x.reshape(len(x), -1) @ w.T
        if k < len(weights) - 1:
            x = sign(x, None if ties is None else ties[k])
    return x


def classes(z):
    """The largest output, the first of equals; of one output 1 where it is not negative, else 0."""
    return (z[:, 0] >= 0).astype(np.int64) if z.shape[1] == 1 else z.argmax(axis=1)
