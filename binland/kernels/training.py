"""BinaryNet mini-batch steps with the straight-through estimator, and the coupling of replicas.

Latents are float32, padded with zeros to 64 W columns, so that one packed word is one tile of 64 columns.
"""

import math
from typing import NamedTuple

import numpy as np

from binland.kernels.compiler import kernel
from binland.kernels.forward import row_distance

TILE = 64  # columns handled together: one packed word
GROUP = 5  # patterns whose subset sums are tabulated together (method of four Russians)
FEW_UNITS = 5  # below, the tables cost more than they save


class StepRule(NamedTuple):
    """What a mini-batch step needs to know beside the arrays.

    learning_rate: factor of the mean gradient of the mini-batch.
    window: a unit passes gradient where |w . x| <= window (an integer, unscaled).
    clip: latents stay in [-clip, clip].
    scale: the logit is scale * sum_h c_h sign(w_h . x), or scale * w . x / sqrt(N) if linear.
    linear: the unit's activation is the identity (perceptron) instead of the sign.
    """

    learning_rate: np.float32
    window: int
    clip: np.float32
    scale: float
    linear: bool


@kernel
def backward_signals(weight_words, input_words, labels, output_weights, n_inputs, batch, rule, subset, signal):
    """Forward pass of a mini-batch; which patterns move which unit, and by how much.

    weight_words (H, W), input_words (P, W) uint64, labels (P,) int8, output_weights (H,) int8, batch (B,) integer.
    Written: subset (H, G) uint8, bit b % GROUP of subset[h, b // GROUP] telling whether Delta_h of pattern b of the
    batch lies in the straight-through window; signal (B,) float32 = -(dL/dz) (dz/dDelta) / sqrt(N), L being the mean
    binary cross-entropy. Cost H B W popcounts.
    """
    root = math.sqrt(n_inputs)
    subset[:] = 0
    for b in range(batch.shape[0]):
        p = batch[b]
        field = 0
        for h in range(weight_words.shape[0]):
            delta = n_inputs - 2 * row_distance(weight_words[h], input_words[p])
            if rule.linear:
                field = delta
            else:
                field += output_weights[h] if delta >= 0 else -output_weights[h]
            subset[h, b // GROUP] |= np.uint8(abs(delta) <= rule.window) << np.uint8(b % GROUP)
        logit = rule.scale * (field / root) if rule.linear else rule.scale * field
        label = float(labels[p])
        residual = label / (1.0 + math.exp(label * logit))
        signal[b] = np.float32(residual * rule.scale / (root * batch.shape[0]))


@kernel
def subset_sums_into(inputs, first_column, batch, signal, sums):
    """All sums of signal_b x_b over subsets of each group of GROUP patterns, on one tile of 64 columns.

    inputs (P, M) int8, batch (B,) integer, signal (B,) float32; written: sums (G, 2^GROUP, 64) float32, terms added in
    the order of the batch. Cost 2^GROUP 64 additions per group: less than one addition per unit and pattern.
    """
    row = np.empty(TILE, np.float32)
    for b in range(batch.shape[0]):
        x = inputs[batch[b], first_column : first_column + TILE]
        for k in range(TILE):
            row[k] = signal[b] * np.float32(x[k])
        table = sums[b // GROUP]
        size = 1 << (b % GROUP)
        for s in range(size):
            for k in range(TILE):
                table[size + s, k] = table[s, k] + row[k]


@kernel
def gather_into(sums, subset, total):
    """total (64,) = sum_g sums[g, subset[g]], float32, in the order of the groups; G is a multiple of 4."""
    for k in range(TILE):
        total[k] = np.float32(0.0)
    for g in range(0, subset.shape[0], 4):
        a, b, c, d = subset[g], subset[g + 1], subset[g + 2], subset[g + 3]
        for k in range(TILE):
            total[k] = (((total[k] + sums[g, a, k]) + sums[g + 1, b, k]) + sums[g + 2, c, k]) + sums[g + 3, d, k]


@kernel
def add_patterns_into(inputs, first_column, batch, signal, subset, total):
    """What `subset_sums_into` and `gather_into` give one unit, in the same order of additions, without the tables.

    inputs (P, M) int8, batch (B,) integer, signal (B,) float32, subset (G,) uint8; written: total (64,) float32.
    Cost 2 B 64 additions.
    """
    part = np.empty(TILE, np.float32)
    for k in range(TILE):
        total[k] = np.float32(0.0)
    for first in range(0, batch.shape[0], GROUP):
        for k in range(TILE):
            part[k] = np.float32(0.0)
        for b in range(first, min(first + GROUP, batch.shape[0])):
            if (subset[b // GROUP] >> np.uint8(b % GROUP)) & 1:
                x = inputs[batch[b], first_column : first_column + TILE]
                for k in range(TILE):
                    part[k] += signal[b] * np.float32(x[k])
        for k in range(TILE):
            total[k] += part[k]


@kernel
def update_tile(latents, total, rate, clip):
    """latents (64,) <- clip(latents + rate * total), float32."""
    for k in range(TILE):
        latents[k] = min(max(latents[k] + rate * total[k], -clip), clip)


@kernel
def pack_row(latents, n_inputs, words):
    """words (W,) uint64 <- signs of latents (64 W,) float32, padding bits 0."""
    for j in range(words.shape[0]):
        tile = latents[j * TILE : (j + 1) * TILE]
        word = np.uint64(0)
        for k in range(TILE):
            word |= np.uint64(tile[k] >= 0) << np.uint64(k)
        words[j] = word
    if n_inputs % TILE:
        words[-1] &= (np.uint64(1) << np.uint64(n_inputs % TILE)) - np.uint64(1)


@kernel
def step(latents, weight_words, inputs, input_words, labels, output_weights, n_inputs, batch, rule):
    """One mini-batch step of BinaryNet (straight-through estimator, clipped latents; paper, appendix B).

    latents (H, 64 W) float32 and weight_words (H, W) uint64 are read and updated; inputs (P, 64 W) int8, zero in the
    padding; input_words (P, W) uint64; labels (P,) int8; output_weights (H,) int8; batch (B,) integer.
    Cost H B W popcounts and H N B / GROUP additions.
    """
    H, W = weight_words.shape
    B = batch.shape[0]
    G = 4 * ((B + 4 * GROUP - 1) // (4 * GROUP))
    subset = np.empty((H, G), np.uint8)
    signal = np.empty(B, np.float32)
    backward_signals(weight_words, input_words, labels, output_weights, n_inputs, batch, rule, subset, signal)
    sums = np.zeros((G, 1 << GROUP, TILE), np.float32)
    total = np.empty(TILE, np.float32)
    for j in range(W):
        if H >= FEW_UNITS:
            subset_sums_into(inputs, j * TILE, batch, signal, sums)
        for h in range(H):
            if H >= FEW_UNITS:
                gather_into(sums, subset[h], total)
            else:
                add_patterns_into(inputs, j * TILE, batch, signal, subset[h], total)
            rate = rule.learning_rate * np.float32(output_weights[h])
            update_tile(latents[h, j * TILE : (j + 1) * TILE], total, rate, rule.clip)
    for h in range(H):
        pack_row(latents[h], n_inputs, weight_words[h])


@kernel
def couple(latents, pull, n_inputs, weight_words):
    """w_a <- w_a - pull (w_a - mean_a w) for replicas latents (R, H, 64 W) float32, in place.

    weight_words (R, H, W) uint64 <- the new signs. Cost 3 R H N.
    """
    R, H, M = latents.shape
    scale = np.float32(1.0) / np.float32(R)
    mean = np.empty(M, np.float32)
    for h in range(H):
        for k in range(M):
            mean[k] = latents[0, h, k]
        for r in range(1, R):
            row = latents[r, h]
            for k in range(M):
                mean[k] += row[k]
        for k in range(M):
            mean[k] *= scale
        for r in range(R):
            row = latents[r, h]
            for k in range(M):
                row[k] -= pull * (row[k] - mean[k])
            pack_row(row, n_inputs, weight_words[r, h])


@kernel
def train_epoch(
    latents, weight_words, inputs, input_words, labels, output_weights, n_inputs, order, batch_size, rule, pulls
):
    """One epoch of coupled BinaryNet SGD; R = 1 is plain SGD.

    latents (R, H, 64 W) float32 and weight_words (R, H, W) uint64 are updated; labels (R, P) int8; order (R, P) int64,
    the shuffles; pulls (3,) float32: strength of the coupling inside the gradient step, after each mini-batch and
    after the epoch (0: none). Other arrays as in `step`. Cost R H P (W popcounts + at most N additions).
    """
    R, P = order.shape
    spare_words = np.empty_like(weight_words)  # the gradient of "inside the step" is taken at the signs before the pull
    for start in range(0, P, batch_size):
        if pulls[0] > 0:
            couple(latents, pulls[0], n_inputs, spare_words)
        for r in range(R):
            batch = order[r, start : start + batch_size]
            step(latents[r], weight_words[r], inputs, input_words, labels, output_weights, n_inputs, batch, rule)
        if pulls[1] > 0:
            couple(latents, pulls[1], n_inputs, weight_words)
    if pulls[2] > 0:
        couple(latents, pulls[2], n_inputs, weight_words)
