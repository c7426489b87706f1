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
    B): where they are 0 and -1. votes (R, m, B): planes of the patterns' counters; held, missed (R, B): where they are
    0 and -1, of patterns that exist. If there is one unit only, its counter decides: held and missed are all patterns,
    and votes do not change. energies (R,) int64.
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
def gain(rows, i, turn, falling, rising, unit, held, missed, a):
    """Change of the energy of replica a if weight i of a unit, the a H + h-th, is flipped. Cost B.

    turn: all ones if the weight becomes -1, else 0; the arrays are those of `State`.
    """
    B = rows.shape[1]
    turned, made, mended = splat_word(turn), splat_word(NONE), splat_word(NONE)
    for w in range(0, B, WIDTH):
        up = unlike(load_words(rows, i * B + w), turned)
        down = without(load_words(held, a * B + w), up)
        up = both(load_words(missed, a * B + w), up)
        made = plus_count(made, both(load_words(falling, unit * B + w), down))
        mended = plus_count(mended, both(load_words(rising, unit * B + w), up))
    return np.int64(sum_of_words(made)) - np.int64(sum_of_words(mended))


@kernel
def shift(planes, first, n, B, moving, up, linear):
    """Counters of WIDTH words move by one where moving, up where up, else down. Cost n.

    planes (any,) in memory; plane j is at first + j B. Returns four registers: where counters are then 0 and -1
    (linear: at most 0 and negative), and where they were negative and are now.
    """
    some, every = splat_word(NONE), splat_word(ALL)
    before = load_words(planes, first + (n - 1) * B)
    for j in range(n):
        plane = load_words(planes, first + j * B)
        new = unlike(plane, moving)
        store_words(planes, first + j * B, new)
        moving = without(moving, unlike(plane, up))
        some, every = either(some, new), both(every, new)
    zero, after = unlike(some, splat_word(ALL)), load_words(planes, first + (n - 1) * B)
    if linear:
        zero, every = either(zero, after), after
    return zero, every, before, after


@kernel
def move_unit(rows, i, turn, fields, unit, linear, falling, rising, before, after):
    """The counters of a unit follow the flip that `gain` looks at. Cost n B.

    Written: before, after (B,), where they were negative, and are.
    """
    n, B = fields.shape[2:]
    for w in range(0, B, WIDTH):
        up = unlike(load_words(rows, i * B + w), splat_word(turn))
        zero, minus, old, new = shift(fields, unit * n * B + w, n, B, splat_word(ALL), up, linear)
        store_words(falling, unit * B + w, zero)
        store_words(rising, unit * B + w, minus)
        store_words(before, w, old)
        store_words(after, w, new)


@kernel
def move_votes(before, after, votes, a, linear, real, held, missed):
    """The counters of patterns follow a unit, as `move_unit` wrote it, in replica a. Cost m B."""
    m, B = votes.shape[1:]
    for w in range(0, B, WIDTH):
        new = load_words(after, w)
        moving, up = unlike(load_words(before, w), new), unlike(new, splat_word(ALL))
        zero, minus, _, _ = shift(votes, a * m * B + w, m, B, moving, up, linear)
        there = load_words(real, w)
        store_words(held, a * B + w, both(zero, there))
        store_words(missed, a * B + w, both(minus, there))


@kernel
def anneal(places, thresholds, betas, bonuses, linear, stop, state):
    """Metropolis' tries, S sweeps of T: each proposes to flip one weight of one replica.

    places (S, T) integer: a H N + h N + i. thresholds (S, T) float64: drawn from the exponential law of mean 1; a try
    is accepted where betas[s] times the change of the energy, less a bonus, is not above. bonuses (S, 2 R + 1) float64,
    at [s, R + k]: what the coupling of replicas gives for the flip of a weight that is k times their sum. stop: end as
    soon as replica 0 has the energy 0. linear: the energy is the sum of what the counters of the output lack, instead
    of the number of those that are negative. The state follows. Returns how many tries were made. Cost per try B, of
    an accepted one (n + m) B more.
    """
    rows, real, weights, sums, fields, falling, rising, votes, held, missed, energies = state
    R, H, N = weights.shape
    S, T = places.shape
    before, after = np.empty(real.shape[0], np.uint64), np.empty(real.shape[0], np.uint64)
    per_replica, per_unit = 1.0 / (H * N), 1.0 / N
    for s in range(S):
        for t in range(T):
            if stop and energies[0] == 0:
                return s * T + t
            a = np.int64((places[s, t] + 0.5) * per_replica)  # exact below 2^50
            place = places[s, t] - a * H * N
            h = np.int64((place + 0.5) * per_unit)
            i, unit = place - h * N, a * H + h
            weight = weights[a, h, i]
            turn = ALL if weight > 0 else NONE
            change = gain(rows, i, turn, falling, rising, unit, held, missed, a)
            if betas[s] * change - bonuses[s, R + weight * sums[place]] <= thresholds[s, t]:
                weights[a, h, i] = -weight
                sums[place] -= 2 * weight
                energies[a] += change
                move_unit(rows, i, turn, fields, unit, linear and H == 1, falling, rising, before, after)
                if H > 1:
                    move_votes(before, after, votes, a, linear, real, held, missed)
    return S * T
