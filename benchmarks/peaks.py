"""What this machine can do on one thread, measured: the bounds that kernels are compared with."""

import time

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from binland.bits import aligned
from binland.kernels.lanes import loop
from binland.kernels.vectors import (
    LANES,
    WIDTH,
    load,
    load_words,
    plus,
    plus_distance,
    pointers,
    splat,
    store,
    store_words,
)

CHAINS = 12


@intrinsic
def _logic(typing_context, words, count):
    """count rounds of 2 CHAINS operations, x <- (x + y) ^ z, on registers of WIDTH words: they cannot be simplified."""

    def codegen(context, b, signature, arguments):
        pointer, count = pointers(context, b, signature, arguments)
        pointer = b.bitcast(pointer, ir.VectorType(ir.IntType(64), WIDTH).as_pointer())
        places = [b.gep(pointer, [ir.Constant(ir.IntType(64), k)]) for k in range(CHAINS + 2)]
        *start, y, z = (b.load(place, align=8) for place in places)
        first = ir.Constant(ir.IntType(64), 0)
        _, end = loop(b, first, count, 1, start, lambda s, state: [b.xor(b.add(x, y), z) for x in state])
        for value, place in zip(end, places, strict=False):
            b.store(value, place, align=8)
        return context.get_dummy_value()

    return types.void(words, types.int64), codegen


@numba.njit
def _run_logic(words, count):
    _logic(words, count)


@numba.njit
def _run_additions(integers, sums, count):
    total = splat(np.int32(0))  # several registers: their chains hide what an addition waits for
    for _ in range(count):
        for place in range(0, integers.shape[0], LANES):
            total = plus(total, load(integers, place))
    store(sums, 0, total)


@numba.njit
def _run_distances(words, out, count):
    total0, total1 = load_words(words, 0), load_words(words, 0)
    other = load_words(words, WIDTH)
    for _ in range(count):
        for place in range(0, words.shape[0], 2 * WIDTH):
            total0 = plus_distance(total0, other, load_words(words, place))
            total1 = plus_distance(total1, other, load_words(words, place + WIDTH))
    store_words(out, 0, total0)
    store_words(out, WIDTH, total1)


def _best(call, repetitions=7):
    call()
    seconds = []
    for _ in range(repetitions):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def measure():
    """Per second: logic on bits, int32 additions with a load from the level 1 cache, bits compared and counted."""
    words, integers, out = aligned((1024,), np.uint64), aligned((4096,), np.int32), aligned((64,), np.uint64)
    rounds = 100_000
    return {
        "logic": rounds * 2 * CHAINS * 64 * WIDTH / _best(lambda: _run_logic(words, rounds)),
        "additions": 2000 * len(integers) / _best(lambda: _run_additions(integers, np.empty(LANES, np.int32), 2000)),
        "distances": 2000 * 64 * len(words) / _best(lambda: _run_distances(words, out, 2000)),
    }


if __name__ == "__main__":
    print({name: f"{rate:.3g}" for name, rate in measure().items()})
