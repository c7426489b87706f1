"""BinaryNet mini-batch steps with the straight-through estimator, and the coupling of replicas.

Latents are float32 in tiles of TILE columns, (T, R, H, TILE) with T = ceil(N / TILE), all replicas of a tile
together: an epoch goes through memory once per mini-batch. What stands beyond column N is never read as a weight.

The gradient of a unit is a sum of +-signal over the patterns in its straight-through window. For every GROUP patterns
of a batch all subset sums are tabulated once (the method of four Russians), so that a unit adds one entry per group.
Float32 additions are made in the order of the batch: within groups, then over groups.
"""

import math
from typing import NamedTuple

import numpy as np

from binland.kernels.compiler import kernel
from binland.kernels.vectors import (
    FLOATS,
    WIDTH,
    clipped,
    load,
    load_words,
    minus,
    plus,
    plus_distance,
    plus_words,
    sign_bits,
    signed,
    splat,
    splat_word,
    store,
    store_halves,
    store_words,
    times,
    where_less,
)

TILE = FLOATS
GROUP = 5  # patterns whose subset sums are tabulated together
ENTRY = TILE << GROUP  # floats of a table
PORTION = 5  # tables at a time: 20 KiB, within a level 1 cache
FEW_UNITS = 5  # below, tables cost more than they save


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


class Scratch(NamedTuple):
    """Buffers of an epoch, for batches of up to GROUP PORTION n patterns: G = PORTION n groups, J = ceil(G / WIDTH).

    Group g of a batch is lane g % WIDTH of register g // WIDTH. words (R, W, J, GROUP, WIDTH) uint64: the batch's
    inputs, word by word; places (R, H, J WIDTH) uint16: where in a group's table a unit's subset stands; fields (J,
    GROUP, WIDTH) int64; signals (R, GROUP G) float32; tables (PORTION ENTRY,), sums (H TILE,), rates (H,) float32.
    """

    words: np.ndarray
    places: np.ndarray
    fields: np.ndarray
    signals: np.ndarray
    tables: np.ndarray
    sums: np.ndarray
    rates: np.ndarray


@kernel
def arrange(input_words, batch, words):
    """words (W, J, GROUP, WIDTH) <- rows `batch` (B,) of input_words (P, W)."""
    for b in range(batch.shape[0]):
        group = b // GROUP
        for k in range(words.shape[0]):
            words[k, group // WIDTH, b % GROUP, group % WIDTH] = input_words[batch[b], k]


@kernel
def forward(weight_words, words, output_weights, n_inputs, rule, places, fields):
    """The batch's outputs, and which of its patterns lie in a unit's straight-through window.

    weight_words (H, W), words (W, J, GROUP, WIDTH) uint64, output_weights (H,) int8. Written: places (H, J WIDTH)
    uint16, TILE times the subset of a group as a number of GROUP bits; fields (J, GROUP, WIDTH) int64, sum_h c_h
    sign(Delta_h), or the number of disagreeing weights of the last unit if linear. Cost H B W popcounts, WIDTH at a
    time.
    """
    H, W = weight_words.shape
    J = words.shape[1]
    zero = splat_word(np.uint64(0))
    half = splat_word(np.uint64(n_inputs // 2 + 1))
    lowest = (n_inputs - rule.window + 1) // 2  # disagreeing weights at the edges of the window
    shift, span = splat_word(np.uint64(-lowest)), splat_word(np.uint64((n_inputs + rule.window) // 2 - lowest + 1))
    for j in range(J):
        for i in range(GROUP):
            store_words(fields, (j * GROUP + i) * WIDTH, zero)
        for h in range(H):
            d0, d1, d2, d3, d4 = zero, zero, zero, zero, zero
            for k in range(W):
                w = splat_word(weight_words[h, k])
                x = (k * J + j) * GROUP * WIDTH
                d0 = plus_distance(d0, w, load_words(words, x))
                d1 = plus_distance(d1, w, load_words(words, x + WIDTH))
                d2 = plus_distance(d2, w, load_words(words, x + 2 * WIDTH))
                d3 = plus_distance(d3, w, load_words(words, x + 3 * WIDTH))
                d4 = plus_distance(d4, w, load_words(words, x + 4 * WIDTH))
            up, down = splat_word(np.uint64(output_weights[h])), splat_word(np.uint64(-output_weights[h]))
            place = zero
            for i in range(GROUP):
                d = d0 if i == 0 else d1 if i == 1 else d2 if i == 2 else d3 if i == 3 else d4
                inside = plus_words(d, shift)
                place = plus_words(place, where_less(inside, span, splat_word(np.uint64(TILE << i)), zero))
                at = (j * GROUP + i) * WIDTH
                vote = d if rule.linear else where_less(d, half, up, down)
                store_words(fields, at, plus_words(load_words(fields, at), vote))
            store_halves(places, (h * J + j) * WIDTH, place)


@kernel
def signals_into(fields, labels, batch, n_inputs, rule, signals):
    """signals (GROUP G,) float32 <- -(dL/dz) (dz/dDelta) / sqrt(N) per pattern, then zeros.

    L is the mean binary cross-entropy; fields as of `forward`, labels (P,) int8, batch (B,) integer.
    """
    root = math.sqrt(n_inputs)
    B = batch.shape[0]
    for b in range(signals.shape[0]):
        signals[b] = 0.0
    for b in range(B):
        group = b // GROUP
        field = fields[group // WIDTH, b % GROUP, group % WIDTH]
        logit = rule.scale * ((n_inputs - 2 * field) / root) if rule.linear else rule.scale * field
        label = float(labels[batch[b]])
        residual = label / (1.0 + math.exp(label * logit))
        signals[b] = np.float32(residual * rule.scale / (root * B))


@kernel
def tabulate(words, shift, signals, first, tables):
    """All subset sums of +-signal, for PORTION groups from `first` on, on one tile.

    words (J, GROUP, WIDTH) uint64 whose bits from `shift` on are the tile's inputs. Written: tables (PORTION ENTRY,)
    float32, the sums over subset s of a group at TILE s. Cost 2^GROUP additions of TILE floats per group.
    """
    for g in range(first, first + PORTION):
        j, lane = g // WIDTH, g % WIDTH
        x0 = signed(signals[GROUP * g], words[j, 0, lane] >> shift)
        x1 = signed(signals[GROUP * g + 1], words[j, 1, lane] >> shift)
        x2 = signed(signals[GROUP * g + 2], words[j, 2, lane] >> shift)
        x3 = signed(signals[GROUP * g + 3], words[j, 3, lane] >> shift)
        x4 = signed(signals[GROUP * g + 4], words[j, 4, lane] >> shift)
        for s in range(2):
            at = (g - first) * ENTRY + s * TILE
            s0 = splat(np.float32(0.0))
            if s:
                s0 = plus(s0, x0)
            s1, s2 = plus(s0, x1), plus(s0, x2)
            s3 = plus(s1, x2)
            s4, s5, s6, s7 = plus(s0, x3), plus(s1, x3), plus(s2, x3), plus(s3, x3)
            store(tables, at, s0)
            store(tables, at + 2 * TILE, s1)
            store(tables, at + 4 * TILE, s2)
            store(tables, at + 6 * TILE, s3)
            store(tables, at + 8 * TILE, s4)
            store(tables, at + 10 * TILE, s5)
            store(tables, at + 12 * TILE, s6)
            store(tables, at + 14 * TILE, s7)
            store(tables, at + 16 * TILE, plus(s0, x4))
            store(tables, at + 18 * TILE, plus(s1, x4))
            store(tables, at + 20 * TILE, plus(s2, x4))
            store(tables, at + 22 * TILE, plus(s3, x4))
            store(tables, at + 24 * TILE, plus(s4, x4))
            store(tables, at + 26 * TILE, plus(s5, x4))
            store(tables, at + 28 * TILE, plus(s6, x4))
            store(tables, at + 30 * TILE, plus(s7, x4))


@kernel
def gather(tables, places, first, sums, rates, clip, last, latents, start):
    """sums (H TILE,) += the entries of PORTION groups from `first` on, from 0 if first = 0; the `last` moves latents.

    latents <- clip(latents + rate sum), of the H units from place `start` of memory on; rates (H,). Cost H PORTION.
    """
    limit = splat(clip)
    for h in range(places.shape[0]):
        row = places[h]
        total = splat(np.float32(0.0))
        if first:
            total = load(sums, h * TILE)
        for g in range(PORTION):
            total = plus(total, load(tables, g * ENTRY + np.int64(row[np.uint64(first + g)])))
        if last:
            at = start + h * TILE
            store(latents, at, clipped(plus(load(latents, at), times(splat(rates[h]), total)), limit))
        else:
            store(sums, h * TILE, total)


@kernel
def add_patterns(words, shift, signals, places, rates, clip, latents, start):
    """What `tabulate` and `gather` do, in the same order of additions, without tables. Cost H B."""
    limit = splat(clip)
    for h in range(places.shape[0]):
        total = splat(np.float32(0.0))
        for g in range(signals.shape[0] // GROUP):
            part = splat(np.float32(0.0))
            for i in range(GROUP):
                if places[h, g] & (TILE << i):
                    part = plus(part, signed(signals[GROUP * g + i], words[g // WIDTH, i, g % WIDTH] >> shift))
            total = plus(total, part)
        at = start + h * TILE
        store(latents, at, clipped(plus(load(latents, at), times(splat(rates[h]), total)), limit))


@kernel
def pack(bits, tile, n_inputs, h, words):
    """Sign bits of unit h on a tile into words (H, W) uint64; those beyond column N become 0."""
    everything = np.uint64(0xFFFFFFFFFFFFFFFF)
    present = everything >> np.uint64(64 - min(TILE, n_inputs - tile * TILE))
    k, shift = TILE * tile // 64, np.uint64(TILE * tile % 64)
    others = words[h, k] & ~(everything >> np.uint64(64 - TILE) << shift)
    words[h, k] = others | (bits & present) << shift


@kernel
def couple(latents, pull, tile, n_inputs, words):
    """w_a <- w_a - pull (w_a - mean_a w) for the replicas of one tile, latents (R, H, TILE) float32.

    words (R, H, W) uint64 <- the new signs.
    """
    R, H = latents.shape[:2]
    scale, strength = splat(np.float32(1.0) / np.float32(R)), splat(pull)
    for h in range(H):
        mean = load(latents, h * TILE)
        for r in range(1, R):
            mean = plus(mean, load(latents, (r * H + h) * TILE))
        mean = times(mean, scale)
        for r in range(R):
            at = (r * H + h) * TILE
            own = load(latents, at)
            new = minus(own, times(strength, minus(own, mean)))
            store(latents, at, new)
            pack(sign_bits(new), tile, n_inputs, h, words[r])


@kernel
def centre_into(latents, n_inputs, words):
    """words (H, W) uint64, zero before, <- signs of the mean; latents (T, R, H, TILE) float32."""
    T, R, H = latents.shape[:3]
    for t in range(T):
        for h in range(H):
            total = load(latents, (t * R * H + h) * TILE)
            for r in range(1, R):
                total = plus(total, load(latents, ((t * R + r) * H + h) * TILE))
            pack(sign_bits(total), t, n_inputs, h, words)


@kernel
def train_epoch(
    latents, weight_words, input_words, labels, output_weights, n_inputs, order, batch_size, rule, pulls, scratch
):
    """One epoch of coupled BinaryNet SGD (straight-through estimator, clipped latents; paper, appendix B).

    latents (T, R, H, TILE) float32 and weight_words (R, H, W) uint64 are updated; R = 1 is plain SGD. input_words (P,
    W) uint64; labels (P,) int8; output_weights (H,) int8; order (R, P) int64, the shuffles; pulls (3,) float32:
    strength of the coupling inside the gradient step, after each mini-batch and after the epoch (0: none). Cost R H P
    (W popcounts + N / GROUP additions) and R N P 2^GROUP / GROUP additions for the tables.
    """
    R, P = order.shape
    T, _, H = latents.shape[:3]
    for h in range(H):
        scratch.rates[h] = rule.learning_rate * np.float32(output_weights[h])
    for start in range(0, P, batch_size):
        for r in range(R):
            batch = order[r, start : start + batch_size]
            arrange(input_words, batch, scratch.words[r])
            words, places = scratch.words[r], scratch.places[r]
            forward(weight_words[r], words, output_weights, n_inputs, rule, places, scratch.fields)
            signals_into(scratch.fields, labels, batch, n_inputs, rule, scratch.signals[r])
        groups = (min(batch_size, P - start) + GROUP - 1) // GROUP
        for t in range(T):
            shift = np.uint64(TILE * t % 64)
            if pulls[0] > 0:
                couple(latents[t], pulls[0], t, n_inputs, weight_words)
            for r in range(R):
                words, signals, places = scratch.words[r, TILE * t // 64], scratch.signals[r], scratch.places[r]
                if H < FEW_UNITS:
                    signals = signals[: groups * GROUP]
                    add_patterns(words, shift, signals, places, scratch.rates, rule.clip, latents[t], r * H * TILE)
                    continue
                for first in range(0, groups, PORTION):
                    tabulate(words, shift, signals, first, scratch.tables)
                    sums, rates, last = scratch.sums, scratch.rates, first + PORTION >= groups
                    gather(scratch.tables, places, first, sums, rates, rule.clip, last, latents[t], r * H * TILE)
            pull = max(pulls[1], pulls[2] if start + batch_size >= P else np.float32(0.0))
            if pull > 0:
                couple(latents[t], pull, t, n_inputs, weight_words)
            else:
                for r in range(R):
                    for h in range(H):
                        bits = sign_bits(load(latents[t], (r * H + h) * TILE))
                        pack(bits, t, n_inputs, h, weight_words[r])
