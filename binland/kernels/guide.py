"""The gradient that guides shortest paths, in integers, so that it is exact and the same on every CPU.

For every unit a pattern has a factor from 0 to 15: how much a better field of this unit would help it. The gain of a
flip is the sum of the factors of the patterns whose field it moves towards their label, minus the sum over the others.
Factors are split into bit planes, so that the first sum takes four counts of the common bits of two rows of words.
Patterns whose factors are 0 for every unit (most of them, in a well-trained machine) are left out: rows of the others
are assembled anew at every stage.
"""

import numpy as np

from binland.kernels.compiler import kernel
from binland.kernels.forward import popcount
from binland.kernels.vectors import bits_of

LEVELS = 15
UNIT = 1 << 10  # integer unit of urgencies, and of closeness times LEVELS


@kernel
def transpose(block):
    """Transpose 64 x 64 bits in place: bit c of word r becomes bit r of word c. Cost 6 times 32 exchanges of bits."""
    width, mask = 32, np.uint64(0xFFFFFFFF)
    while width:
        shift = np.uint64(width)
        for first in range(0, 64, 2 * width):
            for r in range(first, first + width):
                different = ((block[r] >> shift) ^ block[r + width]) & mask
                block[r + width] ^= different
                block[r] ^= different << shift
        width >>= 1
        mask ^= mask << np.uint64(max(width, 1))


@kernel
def rows_into(words, active, rows):
    """Bits of active patterns (A,), input by input: rows (N, ceil(A / 64)) uint64 <- words (P, W).

    Bits beyond the last pattern are 0. Cost A W / 64 transpositions.
    """
    N = rows.shape[0]
    block = np.empty(64, np.uint64)
    for k in range(rows.shape[1]):
        here = active[64 * k : 64 * (k + 1)]
        for w in range(words.shape[1]):
            for r in range(here.shape[0]):
                block[r] = words[here[r], w]
            block[here.shape[0] :] = 0
            transpose(block)
            for r in range(min(64, N - 64 * w)):
                rows[64 * w + r, k] = block[r]


@kernel
def factors_into(field, zero, active, urgency, closeness, factors):
    """factors (any,) uint8 <- urgency times closeness, rounded, 0 to LEVELS, for patterns active (A,); returns the sum.

    field (P,) of a unit. urgency (A,) uint32, 0 to UNIT; closeness (any,) uint32, 0 to LEVELS UNIT, that of a field of
    0 at index `zero`. active (A,) uint64 and the others unsigned, so that no index is checked for its sign: twice as
    fast. Cost A.
    """
    half, unit = np.uint32(UNIT * UNIT // 2), np.uint32(UNIT * UNIT)
    for a in range(active.shape[0]):
        near = closeness[np.uint64(zero + field[active[a]])]
        factors[a] = (np.uint32(urgency[a] * near) + half) // unit
    total = np.uint32(0)
    for a in range(active.shape[0]):
        total += np.uint32(factors[a])
    return np.int64(total)


@kernel
def planes_into(numbers, planes):
    """Bit j of numbers (64 K,) uint8 as planes[j] (K,) uint64."""
    for j in range(planes.shape[0]):
        for k in range(planes.shape[1]):
            planes[j, k] = bits_of(numbers, 64 * k, np.uint8(1 << j))


@kernel
def gains_into(fields, zeros, outputs, weights, active, urgency, closeness, places, starts, rows, gains):
    """The gain of every flip, gains (d,) integers.

    fields (H, P), zeros (H,) and the rest as in `factors_into`; outputs (H,), weights (H N,) int8; places (d,) int64,
    flat indices of weights, of unit h from starts[h] on, starts (H + 1,); rows (N, K) uint64 as in `rows_into`: 1
    where an input times the label is +1. Cost H A, and per flip 4 K popcounts.
    """
    N, K = rows.shape
    factors = np.zeros(64 * K, np.uint8)
    planes = np.empty((4, K), np.uint64)
    p0, p1, p2, p3 = planes[0], planes[1], planes[2], planes[3]
    for h in range(fields.shape[0]):
        if starts[h] == starts[h + 1]:
            continue
        total = factors_into(fields[h], zeros[h], active, urgency, closeness, factors)
        planes_into(factors, planes)
        for s in range(starts[h], starts[h + 1]):
            row = rows[places[s] - h * N]
            c0, c1, c2, c3 = np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
            for k in range(K):
                x = row[k]
                c0 += popcount(p0[k] & x)
                c1 += popcount(p1[k] & x)
                c2 += popcount(p2[k] & x)
                c3 += popcount(p3[k] & x)
            with_label = np.int64(c0 + 2 * c1 + 4 * c2 + 8 * c3)
            gains[s] = outputs[h] * weights[places[s]] * (total - 2 * with_label)
