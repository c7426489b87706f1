"""The training error after every single sign flip of a walk in weight space, exact, by incremental update.

Every unit and every pattern has a counter of agreeing weights, minus ceil(N / 2), so that its sign is the unit's;
every pattern has one of positive votes, minus ceil(H / 2). A unit with output weight -1 has its counter complemented,
which reverses its vote. All counters are bit-sliced (`lanes.py`), in V blocks of 64 WIDTH patterns, one block at a
time.

A unit's walk does not depend on the others, so that its counters stay in registers over all its flips in a stretch of
the walk; the votes then follow the units' signs in the walk's order. Where errors are asked for at a stretch's end
only, its flips are added many at a time (`jump`), and the votes are counted there.
"""

import os
from typing import Any

import numpy as np

from binland.kernels import lanes, scalar
from binland.kernels.compiler import inlined, kernel
from binland.kernels.forward import popcount
from binland.kernels.vectors import WIDTH

_counters: Any = scalar if os.environ.get("BINLAND_PORTABLE") else lanes
add, jump, tally, walk = _counters.add, _counters.jump, _counters.tally, _counters.walk
window = _counters.window

STRETCH = 32768 // WIDTH  # flips per stretch: their signs take 256 KiB, within a level 2 cache
PORTION = 210 * 8 // WIDTH  # inputs whose rows are added to all units in turn: 27 kB, within a level 1 cache


@kernel
def fill(planes, value):
    """Set all counters of a block (n, WIDTH) to the same integer. Cost n WIDTH."""
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


@inlined
def follow(old, new, output_weights, rows, fields, flipped):
    """Move the counters of `start_into` from one machine to another: a step of the walk per weight that differs.

    old, new (H, W) uint64, the packed weights; `old` becomes `new`. Written: flipped (H,) bool, which units differ.
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
        flipped[h] = changes > 0
        for v in range(rows.shape[0] if changes else 0):
            walk(codes, 0, changes, rows[v], fields.shape[2], fields[v, h], ignored)


@kernel
def vote_into(fields, negative, real, signs, votes):
    """Signs of the units and counters of votes, of one block of patterns; returns the number of errors.

    fields (H, n, WIDTH) uint64 as of `start_into`; negative, real (WIDTH,) uint64: patterns with label -1, patterns
    that exist. Written: signs (H, WIDTH), the units' sign planes, votes (m, WIDTH), the patterns' counters. Cost
    H WIDTH.
    """
    H, n, width = fields.shape
    for h in range(H):
        for w in range(width):
            signs[h, w] = fields[h, n - 1, w]
    fill(votes, (H + 1) // 2 - H - 1)  # minus the result, less 1, counts the units that vote -1
    add(np.arange(H), signs, votes.shape[0], votes)
    for j in range(votes.shape[0]):
        for w in range(width):
            votes[j, w] = ~votes[j, w]
    return n_errors(votes, negative, real)


@kernel
def n_errors(votes, negative, real):
    """Errors on one block of patterns whose counters of votes (m, WIDTH) these are; the others as in `vote_into`."""
    errors = np.uint64(0)
    for w in range(votes.shape[1]):
        errors += popcount((votes[-1, w] ^ negative[w]) & real[w])
    return np.int64(errors)


@kernel
def shuffle_into(uniforms, items):
    """Fisher-Yates shuffle: items[:k] become the first k of a uniformly random order of items (n,).

    uniforms (k,) float64 in [0, 1), k <= n; a longer list begins with the same order. Cost k.
    """
    n = items.shape[0]
    for t in range(uniforms.shape[0]):
        other = t + np.int64(uniforms[t] * (n - t))
        items[t], items[other] = items[other], items[t]


@kernel
def flips_into(flipped, weights, output_weights, units, rows):
    """Units (d,) uint32 of flipped weights (d,), flat indices, and rows (d,) int32 whose bits say where they go up.

    weights (H, N) int8, before; output_weights (H,) int8. A unit's counter goes up with the weight times the unit's
    output weight: by row 2 i + 1 if that is +1 afterwards, else by row 2 i. Cost d.
    """
    N = np.uint64(weights.shape[1])
    reciprocal = 1.0 / weights.shape[1]
    for t in range(flipped.shape[0]):
        h = np.uint64(np.int64((flipped[t] + 0.5) * reciprocal))  # exact below 2^50
        i = np.uint64(flipped[t]) - h * N
        units[t], rows[t] = h, np.uint64(2) * i + np.uint64(weights[h, i] * output_weights[h] < 0)


@kernel
def starts_into(units, n_units, starts):
    """Where the flips of unit h begin if units (d,) uint32 are sorted: starts (n_units + 1,) int64. Cost d."""
    starts[:] = 0
    for t in range(units.shape[0]):
        starts[units[t] + np.uint32(1)] += 1
    for h in range(n_units):
        starts[h + 1] += starts[h]


@kernel
def walk_errors_into(units, steps, rows, fields, signs, votes, negative, real, errors):
    """Errors on a walk, after every flip.

    units (d,) uint32, steps (d,) int32 of `flips_into`: the unit whose counter moves, and the row that says where up.
    rows (V, 2 N, WIDTH) as in `start_into`; fields (V, H, n, WIDTH), signs (V, H, WIDTH), votes (V, m, WIDTH),
    negative, real (V, WIDTH) as in `vote_into`; the first three are overwritten with those of the end. Written: errors
    (d,) int64. Cost per flip and register of patterns: n + m + 10 logical operations, 3 loads and 2 stores.
    """
    V, H, n = fields.shape[:3]
    starts, following = np.empty(H + 1, np.int64), np.empty(H, np.int64)
    codes, walkers = np.empty(STRETCH, np.int64), np.empty(STRETCH, np.int64)
    new_signs, wrong = np.empty((STRETCH, rows.shape[2]), np.uint64), np.empty(STRETCH, np.int64)
    errors[:] = 0
    for first in range(0, units.shape[0], STRETCH):
        some = units[first : first + STRETCH]
        starts_into(some, H, starts)
        following[:] = starts[:H]
        for t in range(some.shape[0]):  # by unit, each with its place in the walk
            codes[following[some[t]]] = np.int64(t) << 32 | steps[first + t]
            following[some[t]] += 1
            walkers[t] = some[t]
        for v in range(V):
            for h in range(H):
                walk(codes, starts[h], starts[h + 1], rows[v], n, fields[v, h], new_signs)
            tally(walkers[: some.shape[0]], new_signs, signs[v], votes.shape[1], votes[v], negative[v], real[v], wrong)
            for t in range(some.shape[0]):
                errors[first + t] += wrong[t]


@kernel
def codes_into(weights, output_weights, shift, codes):
    """codes (H N,) <- the flip of every weight as one number: its unit times 2^shift, plus its row of `flips_into`.

    weights (H, N) int8, before; output_weights (H,) int8; 2^shift >= 2 N. Cost H N.
    """
    H, N = weights.shape
    for h in range(H):
        for i in range(N):
            codes[h * N + i] = h << shift | 2 * i | (weights[h, i] * output_weights[h] < 0)


@kernel
def draw_into(uniforms, ends, shift, codes, rows, places):
    """The first flips of a uniformly random order of all, sorted by unit, up to the last of some ends.

    The order is that of `shuffle_into`: uniforms (d,) float64 in [0, 1). codes (H N,) of `codes_into` with the same
    shift, overwritten; ends (S,) int64, not falling, up to d. Written: rows (H N,) int32, of the flips of unit h one
    after the other; places (S + 1, H) int64: h N plus how many of unit h's are before each end, 0 before the first.
    Cost d + S H.
    """
    n, H = codes.shape[0], places.shape[1]
    following, row = np.arange(H) * (n // H), codes.dtype.type((1 << shift) - 1)
    places[0] = following
    first = 0
    for s in range(ends.shape[0]):
        for t in range(first, ends[s]):
            other = t + np.int64(uniforms[t] * (n - t))
            code = codes[other]
            codes[other] = codes[t]
            h = np.uint64(code) >> np.uint64(shift)
            rows[following[h]] = code & row
            following[h] += 1
        places[s + 1] = following
        first = ends[s]


@kernel
def jump_errors_into(steps, places, rows, fields, signs, votes, negative, real, errors):
    """Errors on a walk, after some of the flips: steps (H N,) int32, places (S + 1, H) int64 of `draw_into`.

    The others as in `walk_errors_into`. Written: errors (S,) int64. Cost per flip and register of patterns: about
    (2 n + 20) / 15 logical operations and a load where a unit has many flips between two ends.
    """
    V, H, n = fields.shape[:3]
    errors[:] = 0
    for v in range(V):
        for s in range(errors.shape[0]):
            for h in range(H):
                jump(steps, places[s, h], places[s + 1, h], rows[v], n, fields[v, h])
            errors[s] += vote_into(fields[v], negative[v], real[v], signs[v], votes[v])
