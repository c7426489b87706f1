"""The training error after every single sign flip of a walk in weight space, exact, by incremental update.

Every unit and every pattern has a counter of agreeing weights, minus ceil(N / 2), so that its sign is the unit's;
every pattern has one of positive votes, minus ceil(H / 2). A unit with output weight -1 has its counter complemented,
which reverses its vote. All counters are bit-sliced (`lanes.py`), in V blocks of 64 WIDTH patterns, one block at a
time.

A unit's walk does not depend on the others, so that its counters stay in registers over all its flips in a stretch of
the walk; the votes then follow the units' signs in the walk's order.
"""

import os
from typing import Any

import numpy as np

from binland.kernels import lanes, scalar
from binland.kernels.compiler import kernel
from binland.kernels.forward import popcount
from binland.kernels.vectors import WIDTH

_counters: Any = scalar if os.environ.get("BINLAND_PORTABLE") else lanes
add, tally, walk = _counters.add, _counters.tally, _counters.walk

STRETCH = 32768 // WIDTH  # flips whose signs wait for the votes: 256 KiB, within a level 2 cache
PORTION = 210 * 8 // WIDTH  # inputs whose rows are added to all units in turn: 27 kB, within a level 1 cache


@kernel
def fill(planes, value):
    """Set all counters of a block (n, WIDTH) to one integer. Cost n WIDTH."""
    for j in range(planes.shape[0]):
        for w in range(planes.shape[1]):
            planes[j, w] = -np.uint64((value >> j) & 1)


@kernel
def start_into(weights, output_weights, rows, fields):
    """The units' counters, fields (V, H, n, WIDTH) uint64.

    weights (H, N) int8, output_weights (H,) int8; rows (V, 2 N, WIDTH) uint64, row 2 i + 1 of a block being the
    inputs i and row 2 i their complement. Cost H N P / 64 loads of a word.
    """
    H, N = weights.shape
    agreeing = np.empty(PORTION, np.int64)
    for v in range(rows.shape[0]):
        for h in range(H):
            fill(fields[v, h], -((N + 1) // 2))
        for first in range(0, N, PORTION):
            for h in range(H):
                some = weights[h, first : first + PORTION]
                places = agreeing[: some.shape[0]]
                for i in range(some.shape[0]):
                    places[i] = 2 * (first + i) + (some[i] > 0)
                add(places, rows[v], fields.shape[2], fields[v, h])
        for h in range(H):
            if output_weights[h] < 0:
                for j in range(fields.shape[2]):
                    for w in range(rows.shape[2]):
                        fields[v, h, j, w] = ~fields[v, h, j, w]


@kernel
def follow(old, new, output_weights, rows, fields):
    """Move the counters of `start_into` from one machine to another: cost P / 512 times as many steps as weights
    differ.

    old, new (H, W) uint64, the packed weights; `old` becomes `new`.
    """
    H, W = old.shape
    codes = np.empty(64 * W, np.int64)
    ignored = np.empty((1, rows.shape[2]), np.uint64)
    for h in range(H):
        changes = 0
        for k in range(W):
            different = old[h, k] ^ new[h, k]
            old[h, k] = new[h, k]
            while different:
                lowest = different & (~different + np.uint64(1))
                up = (new[h, k] & lowest != 0) == (output_weights[h] > 0)
                codes[changes] = 2 * (64 * k + np.int64(popcount(lowest - np.uint64(1)))) + up
                changes += 1
                different ^= lowest
        for v in range(rows.shape[0]):
            walk(codes, 0, changes, rows[v], fields.shape[2], fields[v, h], ignored)


@kernel
def vote_into(fields, negative, real, signs, votes):
    """Signs of the units and counters of votes; returns the number of errors.

    fields (V, H, n, WIDTH) as of `start_into`; negative, real (V, WIDTH) uint64: patterns with label -1, patterns
    that exist. Written: signs (V, H, WIDTH), the units' sign planes, votes (V, m, WIDTH), the patterns' counters.
    Cost H P / 64.
    """
    V, H = fields.shape[:2]
    positive = 2 * np.arange(H)
    complements = np.empty((2 * H, fields.shape[3]), np.uint64)
    errors = np.uint64(0)
    for v in range(V):
        for h in range(H):
            for w in range(fields.shape[3]):
                signs[v, h, w] = fields[v, h, -1, w]
                complements[2 * h, w] = ~fields[v, h, -1, w]
        fill(votes[v], -((H + 1) // 2))
        add(positive, complements, votes.shape[1], votes[v])
        for w in range(fields.shape[3]):
            errors += popcount((votes[v, -1, w] ^ negative[v, w]) & real[v, w])
    return np.int64(errors)


@kernel
def shuffle_into(uniforms, items):
    """Fisher and Yates: items[:k] become the first k of a uniformly random order of items (n,) int64.

    uniforms (k,) float64 in [0, 1), k <= n; more of them change none of the first k. Cost k.
    """
    n = items.shape[0]
    for t in range(uniforms.shape[0]):
        other = t + np.int64(uniforms[t] * (n - t))
        items[t], items[other] = items[other], items[t]


@kernel
def flips_into(flipped, weights, output_weights, flips):
    """Flat indices of weights to flip, (d,) int64, as `walk_errors_into` wants them; weights (H, N) int8 before. Cost
    d.
    """
    N = weights.shape[1]
    reciprocal = 1.0 / N
    for t in range(flipped.shape[0]):
        h = np.uint64((flipped[t] + 0.5) * reciprocal)  # exact below 2^50
        i = np.uint64(flipped[t]) - h * np.uint64(N)
        flips[t] = h << np.uint64(32) | np.uint64(2) * i | np.uint64(weights[h, i] * output_weights[h] < 0)


@kernel
def group_into(flips, n_units, grouped, starts):
    """Sort the flips of each stretch by unit, keeping their order.

    flips (d,) int64: unit << 32 | row. Written: grouped (d,) int64, place in the stretch << 32 | row, and
    starts (S n_units + 1,) int64, zero before: those of unit h in stretch s begin at starts[s n_units + h]. Cost d.
    """
    d = flips.shape[0]
    for t in range(d):
        starts[(t // STRETCH) * n_units + (flips[t] >> 32) + 1] += 1
    for k in range(1, starts.shape[0]):
        starts[k] += starts[k - 1]
    following = starts.copy()
    for t in range(d):
        group = (t // STRETCH) * n_units + (flips[t] >> 32)
        grouped[following[group]] = (t % STRETCH) << 32 | (flips[t] & 0xFFFFFFFF)
        following[group] += 1


@kernel
def walk_errors_into(flips, rows, fields, signs, votes, negative, real, errors):
    """Errors after every flip of a walk.

    flips (d,) int64: unit << 32 | row of `rows` whose bit says where the unit's counter goes up (the unit's new
    weight times its output weight +1: row 2 i + 1, else 2 i). rows as in `start_into`; fields, signs, votes,
    negative, real as in `vote_into`; the first three are overwritten with those of the end. Written: errors (d,)
    int64. Cost d P (n + m) / 512 operations on registers of 512 bits, and as many loads and stores as the walk has
    flips, times P / 128.
    """
    V, H, n = fields.shape[:3]
    d = flips.shape[0]
    stretches = (d + STRETCH - 1) // STRETCH
    units = flips >> 32
    grouped = np.empty(d, np.int64)
    starts = np.zeros(stretches * H + 1, np.int64)
    group_into(flips, H, grouped, starts)
    new_signs = np.empty((min(d, STRETCH), rows.shape[2]), np.uint64)
    wrong = np.empty(min(d, STRETCH), np.int64)
    for t in range(d):
        errors[t] = 0
    for v in range(V):
        for s in range(stretches):
            first, last = s * STRETCH, min(d, (s + 1) * STRETCH)
            for h in range(H):
                walk(grouped, starts[s * H + h], starts[s * H + h + 1], rows[v], n, fields[v, h], new_signs)
            tally(units[first:last], new_signs, signs[v], votes.shape[1], votes[v], negative[v], real[v], wrong)
            for t in range(first, last):
                errors[t] += wrong[t - first]
