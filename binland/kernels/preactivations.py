"""What a mini-batch step needs of the pre-activations w_h . x: each unit's straight-through window, and the output.

They are updated with the flips of the weights in the counters of `walk.py`, for all patterns, or computed for the
patterns of one batch if so many weights have flipped that this is less work. Both count exactly, so the choice does not
change results.

The level of a pattern is the number of units that vote +1, or of agreeing weights if the machine is linear.
"""

import numpy as np

from binland.kernels.compiler import kernel
from binland.kernels.forward import popcount
from binland.kernels.vectors import (
    WIDTH,
    less_bits,
    load_words,
    plus_distance,
    plus_words,
    splat_word,
    store_words,
    where_less,
)
from binland.kernels.walk import follow, tally, window

# Measured times, in units of one digit of a counter on a register per flip.
POPCOUNT = {8: 1, 4: 3}.get(WIDTH, 4)  # bits of a register compared and counted
UNIT = 7  # flips that take as long as the window and the vote of a unit


@kernel
def worth_following(flips, n_units, n_words, batch_size, n_blocks, n_planes):
    """Whether counters of n_planes digits follow so many flips in less time than computing a batch anew takes."""
    follow = n_blocks * (n_planes + 3) * (flips + UNIT * min(n_units, flips)) * WIDTH
    return follow <= batch_size * n_units * n_words * POPCOUNT


@kernel
def n_flips(old, new):
    """Number of weights in which packed machines (H, W) differ."""
    total = np.uint64(0)
    for h in range(old.shape[0]):
        for k in range(old.shape[1]):
            total += popcount(old[h, k] ^ new[h, k])
    return np.int64(total)


@kernel
def windows_into(fields, output_weights, units, edges, inside):
    """Which patterns of a block are in the windows of some units (U,) int64: inside (WIDTH, H) uint64.

    fields (H, n, WIDTH), the units' counters; edges (2, 2, n, WIDTH), of `lanes.window`, for output weights +1 and -1.
    """
    words = np.empty(WIDTH, np.uint64)
    for u in range(units.shape[0]):
        h = units[u]
        window(fields[h], fields.shape[1], edges[np.int64(output_weights[h] < 0)], words)
        for w in range(WIDTH):
            inside[w, h] = words[w]


@kernel
def follow_flips(output_weights, rows, edges, state, s):
    """Update counters, votes and windows of machine s of a state (`training.State`) to its current weights.

    rows as in `walk.start_into`; edges as in `windows_into`. Cost on a register, for each block of patterns: n + 3
    operations per flip, 2 n + m + 10 per unit with flips.
    """
    fields, signs, votes, inside = state.fields[s], state.signs[s], state.votes[s], state.inside[s]
    V, H, n, width = fields.shape
    flipped = np.empty(H, np.bool_)
    follow(state.standing[s], state.words[s], output_weights, rows, fields, flipped)
    units = np.nonzero(flipped)[0]
    new, ignored = np.empty((units.shape[0], width), np.uint64), np.empty(units.shape[0], np.int64)
    none = np.zeros(width, np.uint64)
    for v in range(V):
        windows_into(fields[v], output_weights, units, edges, inside[v * WIDTH : (v + 1) * WIDTH])
        for u in range(units.shape[0]):
            for w in range(width):
                new[u, w] = fields[v, units[u], n - 1, w]
        tally(units, new, signs[v], votes.shape[1], votes[v], none, none, ignored)


@kernel
def levels_into(counters, batch, n_votes, levels):
    """levels (B,) int64 of the patterns `batch`, from bit-sliced counters (V, n, WIDTH) of up to n_votes votes."""
    n = counters.shape[1]
    for b in range(batch.shape[0]):
        p = np.uint64(batch[b])
        digits, bit = counters[p // np.uint64(64 * WIDTH)], p & np.uint64(63)
        w = p // np.uint64(64) % np.uint64(WIDTH)
        level = np.uint64(0)
        for j in range(n):
            level |= (digits[j, w] >> bit & np.uint64(1)) << np.uint64(j)
        sign = np.int64(level >> np.uint64(n - 1)) << n
        levels[b] = np.int64(level) - sign + (n_votes + 1) // 2


@kernel
def compute(weight_words, stacks, output_weights, n_inputs, window, linear, levels, inside):
    """The levels and windows of the patterns of one batch, computed from scratch.

    weight_words (H, W) uint64; stacks (S, W, WIDTH) uint64, WIDTH patterns side by side; written: levels (WIDTH S,)
    int64; inside (ceil(WIDTH S / 64), H) uint64. Cost H W S WIDTH popcounts, WIDTH at a time.
    """
    H, W = weight_words.shape
    half = splat_word(np.uint64(n_inputs // 2 + 1))
    lowest = (n_inputs - window + 1) // 2  # disagreeing weights at the edges of the window
    shift, span = splat_word(np.uint64(-lowest)), splat_word(np.uint64((n_inputs + window) // 2 - lowest + 1))
    nothing = splat_word(np.uint64(0))
    inside[:] = 0
    for s in range(stacks.shape[0]):
        votes = nothing
        for h in range(H):
            distance = nothing
            for k in range(W):
                distance = plus_distance(
                    distance, splat_word(weight_words[h, k]), load_words(stacks, (s * W + k) * WIDTH)
                )
            bits = less_bits(plus_words(distance, shift), span)
            inside[s * WIDTH // 64, h] |= bits << np.uint64(s * WIDTH % 64)
            up, down = np.uint64(output_weights[h] > 0), np.uint64(output_weights[h] < 0)
            vote = where_less(distance, half, splat_word(up), splat_word(down))
            votes = plus_words(votes, distance if linear else vote)
        store_words(levels, s * WIDTH, votes)
    if linear:
        for b in range(levels.shape[0]):
            levels[b] = n_inputs - levels[b]


@kernel
def arrange(input_words, batch, stacks):
    """stacks (S, W, WIDTH) <- rows `batch` (B,) of input_words (P, W)."""
    for b in range(batch.shape[0]):
        for k in range(input_words.shape[1]):
            stacks[b // WIDTH, k, b % WIDTH] = input_words[batch[b], k]
