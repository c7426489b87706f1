"""Codes of n bits as corners of a hypercube, neighbours differing in one bit: counts, components, paths, pairs.

A code is the index of its error count in an array of 2^n. Lists of codes are ascending, uint32.
"""

import numpy as np

from binland.kernels.compiler import kernel
from binland.kernels.forward import popcount

SIDES = 4  # histograms filled in turn, so that an addition need not wait for the previous one
STRETCH = 256  # codes


@kernel
def histogram_into(counts, histogram):
    """Add to histogram (SIDES, any) int64 how often each number occurs in counts (any,), in any of its rows.

    Cost: an addition in memory for each count.
    """
    whole = counts.shape[0] // SIDES * SIDES
    for k in range(0, whole, SIDES):
        for side in range(SIDES):
            histogram[side, counts[k + side]] += 1
    for k in range(whole, counts.shape[0]):
        histogram[0, counts[k]] += 1


@kernel
def codes_into(counts, first, most, codes):
    """The codes with at most `most` errors; counts (any,) are those from code `first` on. Returns how many there are.

    Written: codes (any,) uint32, at least as long as counts. Stretches without such codes are skipped at once.
    """
    found = 0
    for begin in range(0, counts.shape[0], STRETCH):
        stretch = counts[begin : begin + STRETCH]
        lowest = stretch[0]
        for k in range(stretch.shape[0]):
            lowest = min(lowest, stretch[k])
        if lowest <= most:
            for k in range(stretch.shape[0]):
                if stretch[k] <= most:
                    codes[found] = first + begin + k
                    found += 1
    return found


@kernel
def distances_into(codes, reference, histogram):
    """Add to histogram (n + 1,) int64 how many codes (any,) uint32 differ from the reference in so many bits."""
    for k in range(codes.shape[0]):
        histogram[popcount(np.uint64(codes[k] ^ reference))] += 1


@kernel
def ranks_into(codes, words, ranks):
    """Index to find codes.

    words (2^n / 64,) uint64, a bit for each code, 0 before; ranks (2^n / 64,) uint32, how many codes come before each
    word.
    """
    for k in range(codes.shape[0]):
        words[codes[k] >> 6] |= np.uint64(1) << np.uint64(codes[k] & 63)
    before = 0
    for w in range(words.shape[0]):
        ranks[w] = before
        before += popcount(words[w])


@kernel
def root(parents, k):
    """The first code of the component of k; paths to it are shortened on the way."""
    while parents[k] != k:
        parents[k] = parents[parents[k]]
        k = parents[k]
    return k


@kernel
def components_into(codes, words, ranks, parents):
    """parents (count,) int64 <- the place, in codes, of the first code of each one's component.

    words, ranks as of `ranks_into`. Cost: for every bit that is 1 a look into words, and a union if the neighbour is
    there. Example: of the codes 0, 1, 3, 4 and 7 the first four are connected, and 7 is at 3: one component.
    """
    for k in range(codes.shape[0]):
        parents[k] = k
        left = codes[k]
        while left:
            near = codes[k] ^ (left & (~left + np.uint32(1)))
            left &= left - np.uint32(1)
            word, bit = words[near >> 6], np.uint64(near & 63)
            if (word >> bit) & np.uint64(1):
                below = word & ((np.uint64(1) << bit) - np.uint64(1))
                a = root(parents, np.int64(ranks[near >> 6] + popcount(below)))
                b = root(parents, k)
                parents[max(a, b)] = min(a, b)
    for k in range(codes.shape[0]):
        parents[k] = parents[parents[k]]


@kernel
def flood(counts, start, goal, level, n, straight, via, queue):
    """Flood fill from code to code, breadth first, through codes of at most `level` errors, until the goal is reached.

    straight: only by flips that lead towards the goal. counts (2^n,); via (2^n,) uint8, all 0 before: the flip by which
    a code was reached, plus 1 (n + 1 at the start); queue (any,) uint32, at least as long as there are codes of this
    level. Returns `level` if the goal is reached, else the smallest number of errors among the neighbours of the
    reached codes: below it no path leads to the goal. Cost n for each reached code.
    """
    beyond = np.int64(2**62)
    via[start], queue[0] = n + 1, start
    done, found = 0, 1
    while done < found:
        here = np.int64(queue[done])
        done += 1
        if here == goal:
            return np.int64(level)
        for i in range(n):
            near = here ^ (1 << i)
            if via[near] or (straight and not ((here ^ goal) >> i) & 1):
                continue
            if counts[near] <= level:
                via[near], queue[found] = i + 1, near
                found += 1
            else:
                beyond = min(beyond, np.int64(counts[near]))
    return beyond


@kernel
def transform(values):
    """Walsh-Hadamard transform of values (2^n,) int32 in place: sums with the signs (-1)^|x and y|. Cost n 2^n.

    Blocks that fit into a cache go through all their stages first.
    """
    block = min(values.shape[0], 4096)
    for first in range(0, values.shape[0], block):
        step = 1
        while step < block:
            for begin in range(first, first + block, 2 * step):
                for k in range(begin, begin + step):
                    a, b = values[k], values[k + step]
                    values[k], values[k + step] = a + b, a - b
            step *= 2
    step = block
    while step < values.shape[0]:
        for begin in range(0, values.shape[0], 2 * step):
            for k in range(begin, begin + step):
                a, b = values[k], values[k + step]
                values[k], values[k + step] = a + b, a - b
        step *= 2


@kernel
def powers_into(values, powers):
    """Add to powers (n + 1,) int64 the squares of values (2^n,), grouped by the number of 1 bits of their index."""
    for k in range(values.shape[0]):
        powers[popcount(np.uint64(k))] += np.int64(values[k]) * np.int64(values[k])
