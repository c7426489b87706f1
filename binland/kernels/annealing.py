"""Metropolis' single flips of the weights of a perceptron or committee machine, with the exact energy after each.

Labels and output weights are taken into the signs: of a pattern with label y, a unit with output weight c counts the
weights with y c w x = +1, less as many as its vote for y needs, and the pattern counts such votes, less as many as it
needs. A counter is negative where the vote, or the output, is wrong. Counters are bit-sliced, as in `lanes.py`.

A flip moves every counter of one unit by one. A vote is lost where the counter was 0 and falls, and won where it was -1
and rises; an error is made where a vote is lost and the pattern's counter was 0, and mended where one is won and it was
-1. These four sets of patterns are kept as masks, so that a try looks at a row of inputs and four masks; all else
changes only if it is accepted. If the energy is what the output lacks, the masks of its counter say <= 0 and < 0.

Example: five weights, of which three have to agree, and counters 1, 0, 0, -1, -2 on five patterns: two errors. Weight i
is to be flipped, and will agree with the patterns 1, 3, 4: `up` is 1 0 1 1 0. One pattern (the second) has 0 and falls,
one (the fourth) has -1 and rises: the number of errors would not change. The counters would be 2, -1, 1, 0, -3.
What they lack was 0 + 0 + 0 + 1 + 2 = 3; of those <= 0, two fall (the second and the fifth), of those < 0, one rises
(the fourth): 3 + 2 - 1 = 4, which is 0 + 1 + 0 + 0 + 3.
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
    """R replicas of a machine on P patterns, in B words of 64, a multiple of WIDTH; masks and planes are uint64.

    rows (N, B): where y x_i = +1. real (B,): the patterns that exist. weights (R, H, N) int8: c_h w_h,i. sums (H N,)
    int64: of the weights over the replicas. fields (R, H, n, B): planes of the units' counters; falling, rising (R, H,
    B): where they are 0 and -1. votes (R, m, B): planes of the patterns' counters; held, missed (R, B): where they are 0
    and -1, of patterns that exist. If there is one unit only, its counter decides: held and missed are all patterns, and
    votes do not change. energies (R,) int64.
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
    soon as replica 0 has the energy 0. linear: the energy is the sum of what the counters of the output lack, instead of
    the number of those that are negative. The state follows. Returns how many tries were made. Cost per try B, of an
    accepted one (n + m) B more.
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
