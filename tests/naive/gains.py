"""Gains of guided deep paths, written plainly: sums of int64, one network; imports nothing from the packages."""

import numpy as np

from tests.naive.deep import convolution, max_pool, sign

UNIT, LEVELS, FINEST, STEPS = 1024, 15, 127, 64


def gains(weights, inputs, classes, ties, pool, scale, steepness, window, fixed_output=False):
    """(n,) float32: gains of all weights, layer by layer, row-major; one layer at least is hidden."""
    weights, free = [np.asarray(w, np.int64) for w in weights], len(weights)
    if fixed_output:
        weights.append(np.ones((1, len(weights[-1])), np.int64))
    x, read, fields = np.asarray(inputs, np.int64), [], []
    for k, w in enumerate(weights):
        x = x if w.ndim == 4 else x.reshape(len(x), -1)
        read.append(x)
        fields.append(convolution(x, w) if w.ndim == 4 else x @ w.T)
        x = sign(max_pool(fields[k], pool) if w.ndim == 4 else fields[k], ties[k] if k < len(ties) else None)
    largest = max(1, np.abs(read[0]).max())
    read[0] = np.rint(read[0] / max(1, largest / STEPS)).astype(np.int64)
    signals, out = of_outputs(fields[-1], classes, steepness / np.sqrt(weights[-1].shape[1])), []
    for k in reversed(range(len(weights))):
        slope, reached = back(signals, weights[k], read[k])
        if k < free:
            out.append(-(slope * weights[k]).astype(np.float32).reshape(-1))
        if k:
            shape = weights[k - 1].shape
            pooled = max_pool(fields[k - 1], pool) if len(shape) == 4 else fields[k - 1]
            delta = pooled / (np.sqrt(np.prod(shape[1:])) / (scale if k == 1 else 1.0))
            close = np.rint(LEVELS * UNIT * np.exp(-((delta / window) ** 2) / 2))
            signals = rounded(close, reached.reshape(pooled.shape), k == len(weights) - 1)
            signals = at_maxima(signals, fields[k - 1], pool) if len(shape) == 4 else signals
    return np.concatenate(out[::-1])


def of_outputs(z, classes, slope):
    """(P, C) int64: how much a larger output would lower the cross-entropy, the largest being UNIT."""
    if z.shape[1] == 1:
        labels = 2 * classes - 1
        log_sigma = -np.logaddexp(0, slope * z[:, 0] * labels)
        return (np.floor(UNIT * np.exp(log_sigma - log_sigma.max()) + 0.5).astype(np.int64) * labels)[:, None]
    shares = np.exp(-slope * (z.max(axis=1, keepdims=True) - z))
    residuals = np.eye(z.shape[1])[classes] - shares / np.cumsum(shares, axis=1)[:, -1:]
    return np.floor(UNIT * (residuals / np.abs(residuals).max()) + 0.5).astype(np.int64)


def back(signals, w, x):
    """Signals (P, F) or (P, F, Y, X) of a layer: their sums with its inputs, as w, and what of them reaches x."""
    slope, reached = np.zeros_like(w), np.zeros_like(x)
    if w.ndim == 2:
        return signals.T @ x, signals @ w
    size = w.shape[2]
    for p, f, r, c in np.argwhere(signals):
        signal, patch = signals[p, f, r, c], np.s_[p, :, r : r + size, c : c + size]
        slope[f] += signal * x[patch]
        reached[patch] += signal * w[f]
    return slope, reached


def rounded(close, reached, last):
    """Factors of a hidden layer, in float32 as they are rounded."""
    product = close.astype(np.float32) * reached.astype(np.float32)
    if last:
        return np.trunc(product / np.float32(UNIT**2) + np.copysign(np.float32(0.5), product)).astype(np.int64)
    return np.rint(product / (max(np.float32(1), np.abs(product).max()) / np.float32(FINEST))).astype(np.int64)


def at_maxima(signals, fields, pool):
    """Signals (P, F, rows, columns) at the first of the largest fields (P, F, Y, X) of every pool."""
    out = np.zeros_like(fields)
    for p, f, r, c in np.argwhere(signals):
        part = fields[p, f, pool * r : pool * r + pool, pool * c : pool * c + pool]
        i, j = divmod(int(part.argmax()), pool)
        out[p, f, pool * r + i, pool * c + j] = signals[p, f, r, c]
    return out
