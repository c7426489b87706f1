"""Error counts of all weight vectors of a small machine, 64 WIDTH of them at a time.

A weight vector is a code: bit i is 1 if weight i (flat, row-major) is +1. A block is 64 WIDTH codes with the same high
bits, whose low bits take all values; a register holds one bit for each of them. Which codes of a block err on a pattern
depends on little of the high bits: on the number of positive votes of units that lie in the high bits, and on the
number of agreeing weights in the high part of the unit that is split between high and low bits, if one is. So all
registers that occur are computed once (`masks_into`), and a block takes, for each pattern, one look-up and one addition
to bit-sliced counters (`lanes.add`).

Example: a perceptron with 24 weights, blocks of 2^8 codes. The unit is split, 8 low and 16 high weights; the agreeing
high weights are 0 to 16, so a pattern has 17 registers. Code c of the block is wrong on a pattern with label +1 if its
agreeing low and high weights together are fewer than 12.

The place of a register is a sum over the high bits: agreeing weights of the split unit times a stride, plus votes. For
the lowest high bits (the middle ones) these sums are tabulated for all patterns; for the others they are counted once
for all values of the middle ones.
"""

import os
from typing import Any

import numpy as np

from binland.kernels import lanes, scalar
from binland.kernels.compiler import kernel
from binland.kernels.forward import popcount
from binland.kernels.vectors import add_counts

add: Any = scalar.add if os.environ.get("BINLAND_PORTABLE") else lanes.add

PLANES = 8  # of the counters
CHUNK = 2**PLANES - 1  # patterns that they count


@kernel
def votes(code, first, last, word, output_weights, n_inputs):
    """Positive votes and agreeing weights of a code on a pattern, in the weights from `first` to before `last`.

    word: uint64, the pattern's inputs as bits. Returns the votes of the units that lie in them completely, and the
    agreeing weights of those that do not. Cost: the number of units.
    """
    positive, agreeing = np.int64(0), np.int64(0)
    for h in range(first // n_inputs, (last + n_inputs - 1) // n_inputs):
        low, high = max(first - h * n_inputs, 0), min(last - h * n_inputs, n_inputs)
        inside = (np.uint64(1) << np.uint64(high)) - (np.uint64(1) << np.uint64(low))
        equal = ~((np.uint64(code) >> np.uint64(h * n_inputs)) ^ word)
        count = np.int64(popcount(equal & inside))
        if high - low < n_inputs:
            agreeing += count
        else:
            positive += (2 * count >= n_inputs) == (output_weights[h] > 0)
    return positive, agreeing


@kernel
def masks_into(words, labels, output_weights, n_inputs, low, stride, masks):
    """The registers of errors, masks (P, places, WIDTH) uint64, of patterns and what the high bits say of them.

    words (P,) uint64, labels (P,) int8, output_weights (H,) int8; low: number of low bits; places: agreeing high
    weights of the split unit times stride plus positive votes of the high units. Cost P places 64 WIDTH.
    """
    P, places = masks.shape[:2]
    H, split = output_weights.shape[0], low // n_inputs
    is_split = low % n_inputs != 0
    half, majority = (n_inputs + 1) // 2, (H + 1) // 2
    masks[:] = 0
    for p in range(P):
        for c in range(64 * masks.shape[2]):
            positive, agreeing = votes(c, 0, low, words[p], output_weights, n_inputs)
            for place in range(places):
                total = positive + place % stride
                if is_split:
                    total += (agreeing + place // stride >= half) == (output_weights[split] > 0)
                if (total >= majority) != (labels[p] > 0):
                    masks[p, place, c >> 6] |= np.uint64(1) << np.uint64(c & 63)


@kernel
def places_into(code, first, last, words, output_weights, n_inputs, stride, places):
    """places (P,) int64 <- what the bits of a code from `first` to before `last` add to the place of a register."""
    for p in range(words.shape[0]):
        positive, agreeing = votes(code, first, last, words[p], output_weights, n_inputs)
        places[p] = positive + stride * agreeing


@kernel
def table_into(low, high, words, output_weights, n_inputs, stride, places, table):
    """table (2^(high - low), P) int64 <- rows of registers, `places` for each pattern, for every value of some bits.

    These are the bits from `low` to before `high`, as if nothing came from those beyond.
    """
    for k in range(table.shape[0]):
        places_into(k << low, low, high, words, output_weights, n_inputs, stride, table[k])
        for p in range(table.shape[1]):
            table[k, p] += p * places


@kernel
def count_errors_into(first, middle, high, words, output_weights, n_inputs, stride, masks, table, counts):
    """Add the errors of the codes from `first` on to counts (any,), unsigned; whole rounds of the middle bits.

    middle: values of the middle bits, which end before bit `high`; masks (P places, WIDTH) uint64, the registers, table
    (middle, P) int64, rows of masks for every value of the middle bits if the high ones add nothing; P at most CHUNK.
    Cost per block: P loads, additions of integers and (2 n + 8) / 7 operations on registers, n = 8 planes, which then
    become bytes.
    """
    P, width, n_weights = words.shape[0], masks.shape[1], n_inputs * output_weights.shape[0]
    base, places = np.empty(P, np.int64), np.empty(P, np.int64)
    planes = np.empty((PLANES, width), np.uint64)
    for begin in range(0, counts.shape[0], middle * 64 * width):
        places_into(first + begin, high, n_weights, words, output_weights, n_inputs, stride, base)
        for k in range(middle):
            for p in range(P):
                places[p] = base[p] + table[k, p]
            planes[:] = 0
            add(places, masks, PLANES, planes)
            for w in range(width):
                add_counts(planes, w, counts, begin + (k * width + w) * 64)
