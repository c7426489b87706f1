"""The operations of `lanes.py` in plain Python, word by word: for tests, and in its place with BINLAND_PORTABLE=1."""

import numpy as np

from binland.kernels.compiler import kernel
from binland.kernels.forward import popcount

ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@kernel
def step(planes, w, n, moving, up):
    """Counters of word w: + 1 where moving and up, - 1 where moving and not up (uint64 masks)."""
    carry = moving
    for j in range(n):
        plane = planes[j, w]
        planes[j, w] = plane ^ carry
        carry &= ~(plane ^ up)


@kernel
def add(places, rows, n, planes):
    """As `lanes.add`."""
    for s in range(places.shape[0]):
        for w in range(rows.shape[1]):
            step(planes, w, n, rows[places[s], w], ALL)


@kernel
def walk(codes, first, last, rows, n, planes, signs):
    """As `lanes.walk`."""
    for s in range(first, last):
        for w in range(rows.shape[1]):
            step(planes, w, n, ALL, rows[codes[s] & 0xFFFFFFFF, w])
            signs[codes[s] >> 32, w] = planes[n - 1, w]


@kernel
def jump(places, first, last, rows, n, planes):
    """As `lanes.jump`."""
    for s in range(first, last):
        for w in range(rows.shape[1]):
            step(planes, w, n, ALL, rows[places[s], w])


@kernel
def tally(units, signs, current, n, planes, negative, real, wrong):
    """As `lanes.tally`."""
    for t in range(units.shape[0]):
        errors = np.uint64(0)
        for w in range(signs.shape[1]):
            new = signs[t, w]
            step(planes, w, n, new ^ current[units[t], w], ~new)
            current[units[t], w] = new
            errors += popcount((planes[n - 1, w] ^ negative[w]) & real[w])
        wrong[t] = errors


@kernel
def window(planes, n, edges, inside):
    """As `lanes.window`."""
    for w in range(inside.shape[0]):
        above, below = ALL, ALL
        for j in range(n):
            digit = planes[j, w] ^ (ALL if j == n - 1 else np.uint64(0))
            above = (digit & above) | (edges[0, j, w] & (digit ^ above))
            below = (~digit & below) | (edges[1, j, w] & (~digit ^ below))
        inside[w] = above & below
