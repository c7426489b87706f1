"""Metropolis' single flips of the weights of a perceptron or committee machine, with the exact energy after each.

Labels and output weights are taken into the signs: of a pattern with label y, unit h with output weight c counts the
weights for which y c w x = +1, and a pattern counts its units that vote for its label. A unit's counter less what is
needed for its vote is negative where the vote is wrong; a pattern's counter of votes, likewise, where the pattern is.
All counters are bit-sliced, plane j of 64 patterns' integers to a word, in two's complement; the last plane is the sign.

One flip moves every counter of one unit by one. So a vote can only be lost where the counter is 0 and falls, or won
where it is -1 and rises, and an error is made where this happens and the votes are 0, or mended where they are -1.
Masks of these four conditions are kept, so that a try looks at one row of inputs and four masks, and all else changes
only when a flip is made.

Example: five weights, so that three have to agree, and counters of a perceptron of 1, 0, 0, -1, -2 for five patterns:
two errors. Now weight i is flipped, and agrees then with patterns 1, 3, 4: `up` = 1 0 1 1 0. Where the counter is 0 and
falls, there is one (the second): an error made. Where it is -1 and rises, there is one (the fourth): an error mended.
The change is 0. If the flip is made, the counters are 2, -1, 1, 0, -3.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from binland.kernels.compiler import kernel
from binland.kernels.vectors import (
    WIDTH,
    both,
    either,
    load_words,
    plus_count,
    splat_word,
    store_words,
    sum_of_words,
    unlike,
    without,
)

NONE, ALL = np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF)

Words = NDArray[np.uint64]


class State(NamedTuple):
    """R replicas of a machine on P patterns, B = ceil(P / 64) words; masks and planes are uint64.

    rows (N, B): where y x_i = +1. real (B,): the patterns that exist. weights (R, H, N) int8: c_h w_h,i. sums (H N,)
    int64: of the weights over the replicas. fields (R, H, n, B): counters of the units; falling, rising (R, H, B): where
    the energy may grow by one when such a counter falls, or shrink by one when it rises. votes (R, m, B): counters of the
    patterns; held, missed (R, B): where they are 0 and -1, or all patterns if one unit is alone. energies (R,) int64.
    """

    rows: Words
    real: Words
    weights: NDArray[np.int8]
    sums: NDArray[np.int64]
    fields: Words
    falling: Words
    rising: Words
    votes: Words
    held: Words
    missed: Words
    energies: NDArray[np.int64]


@kernel
def turn_of(state, a, h, i):
    """What a row is to be compared with: 0 if the weight is to become +1, all ones if -1."""
    return splat_word(ALL if state.weights[a, h, i] > 0 else NONE)


@kernel
def gain(state, a, h, i):
    """Change of the energy of replica a if weight i of unit h is flipped. Cost B."""
    rows, falling, rising, held, missed = state.rows, state.falling, state.rising, state.held, state.missed
    H, B = falling.shape[1:]
    turn = turn_of(state, a, h, i)
    made, mended = splat_word(NONE), splat_word(NONE)
    row, unit, replica = i * B, (a * H + h) * B, a * B
    for w in range(0, B, WIDTH):
        up = unlike(load_words(rows, row + w), turn)
        down = without(load_words(held, replica + w), up)
        up = both(load_words(missed, replica + w), up)
        made = plus_count(made, both(load_words(falling, unit + w), down))
        mended = plus_count(mended, both(load_words(rising, unit + w), up))
    return np.int64(sum_of_words(made)) - np.int64(sum_of_words(mended))


@kernel
def shift(planes, first, n, B, moving, up):
    """Counters of WIDTH words move by one where moving, up where up, else down; where they are 0 and -1 then.

    planes (any,) in memory; plane j is at first + j B. Returns two registers. Cost n.
    """
    some, every = splat_word(NONE), splat_word(ALL)
    for j in range(n):
        place = first + j * B
        plane = load_words(planes, place)
        new = unlike(plane, moving)
        store_words(planes, place, new)
        moving = without(moving, unlike(plane, up))
        some, every = either(some, new), both(every, new)
    return unlike(some, splat_word(ALL)), every


@kernel
def flip(state, a, h, i, linear):
    """Flip weight i of unit h in replica a; all of the state but its energies follows. Cost (n + m) B."""
    fields, votes, weights = state.fields, state.votes, state.weights
    H, n, B = fields.shape[1:]
    m = votes.shape[1]
    ones, turn = splat_word(ALL), turn_of(state, a, h, i)
    weights[a, h, i] = -weights[a, h, i]
    state.sums[h * weights.shape[2] + i] += 2 * weights[a, h, i]
    unit, replica = a * H + h, a * B
    for w in range(0, B, WIDTH):
        sign = (unit * n + n - 1) * B + w
        before = load_words(fields, sign)
        up = unlike(load_words(state.rows, i * B + w), turn)
        zero, minus = shift(fields, unit * n * B + w, n, B, ones, up)
        negative = load_words(fields, sign)
        if linear and H == 1:
            zero, minus = either(zero, negative), negative
        store_words(state.falling, unit * B + w, zero)
        store_words(state.rising, unit * B + w, minus)
        if H > 1:
            changed = unlike(before, negative)
            zero, minus = shift(votes, a * m * B + w, m, B, changed, unlike(negative, ones))
            if linear:
                negative = load_words(votes, (a * m + m - 1) * B + w)
                zero, minus = either(zero, negative), negative
            real = load_words(state.real, w)
            store_words(state.held, replica + w, both(zero, real))
            store_words(state.missed, replica + w, both(minus, real))


@kernel
def anneal(places, thresholds, betas, bonuses, linear, stop, state):
    """Metropolis' tries, S sweeps of T: each proposes to flip one weight of one replica.

    places (S, T) integer: a H N + h N + i. thresholds (S, T) float64: drawn from the exponential law of mean 1; a try
    is accepted where betas[s] times the change of the energy, less a bonus, is not above. bonuses (S, 2 R + 1) float64,
    at [s, R + k]: what the coupling of replicas gives for the flip of a weight that is k times their sum. stop: end as
    soon as replica 0 has the energy 0. linear: the energy, as `mark` says. The state follows. Returns how many tries
    were made. Cost per try B, of an accepted one (n + m) B more.
    """
    energies, weights, sums = state.energies, state.weights, state.sums
    R, H, N = weights.shape
    S, T = places.shape
    per_replica, per_unit = 1.0 / (H * N), 1.0 / N
    for s in range(S):
        for t in range(T):
            if stop and energies[0] == 0:
                return s * T + t
            a = np.int64((places[s, t] + 0.5) * per_replica)  # exact below 2^50
            place = places[s, t] - a * H * N
            h = np.int64((place + 0.5) * per_unit)
            i = place - h * N
            change = gain(state, a, h, i)
            bonus = bonuses[s, R + weights[a, h, i] * sums[place]]
            if betas[s] * change - bonus <= thresholds[s, t]:
                flip(state, a, h, i, linear)
                energies[a] += change
    return S * T

