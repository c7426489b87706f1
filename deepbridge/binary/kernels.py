"""Kernels of the CPU: first-layer fields as integers, all that follows as packed bits.

A block is B patterns. Activations of a layer lie as x (S, G, WIDTH) uint64: S = B / WIDTH stacks of WIDTH patterns side
by side, G words of up to 64 channels; a layer with several positions (a convolution) has a position's words together.
w . x = n - 2 popcount(w xor x); bits beyond the last channel are 0.
"""

import numpy as np

from binland.kernels.compiler import kernel
from binland.kernels.vectors import (
    WIDTH,
    load_words,
    plus_distance,
    plus_pairs,
    plus_words,
    splat_word,
    store_sums,
    store_words,
    transpose,
    where_less,
)


@kernel
def lay_out(inputs, x):
    """x[n, p] = inputs[p, n], both int16; 32 patterns, which fill a line of the cache, one after the other."""
    P, N = inputs.shape
    size = x.shape[1]
    whole, full = P - P % 8, N - N % 8
    for first in range(0, whole, 32):
        for n in range(0, full, 8):
            for p in range(first, min(first + 32, whole), 8):
                transpose(inputs, p * N + n, N, x, n * size + p, size)
    for p in range(P):
        for n in range(full if p < whole else 0, N):
            x[n, p] = inputs[p, n]


@kernel
def add_terms(x, stride, units, places, steps, begin, end, fields):
    """Delta_h += steps[f] x_f for the terms f in [begin, end), those of a unit one after the other.

    fields (H, R, L) int32: row r of unit units[f] takes the L numbers of x (n,) int16 from places[f] + r stride on, so
    that a convolution has columns and patterns on one axis; a fully connected layer has R = 1. Cost: R L additions per
    term.
    """
    length = fields.shape[2]
    f = begin
    while f < end:
        last = f + 1
        while last < end and units[last] == units[f]:
            last += 1
        for r in range(fields.shape[1]):
            row, shift = fields[units[f], r], r * stride
            g = f
            while g + 4 <= last:
                one, two = x[places[g] + shift :][:length], x[places[g + 1] + shift :][:length]
                three, four = x[places[g + 2] + shift :][:length], x[places[g + 3] + shift :][:length]
                a, b, c, d = np.int32(steps[g]), np.int32(steps[g + 1]), np.int32(steps[g + 2]), np.int32(steps[g + 3])
                for p in range(length):  # one pass over the row for four terms
                    row[p] += (
                        a * np.int32(one[p]) + b * np.int32(two[p]) + c * np.int32(three[p]) + d * np.int32(four[p])
                    )
                g += 4
            while g < last:
                source, step = x[places[g] + shift :][:length], np.int32(steps[g])
                for p in range(length):
                    row[p] += step * np.int32(source[p])
                g += 1
        f = last


@kernel
def sum_by_tables(x, places, codes, tables, fields):
    """Delta_h = sum_n w_hn x_n of a fully connected layer, four inputs at a time, whose 16 sums with signs are a table.

    x (any,) int16, places (4 G,) int64: where in x the B numbers of an input begin. codes (H, G) uint8: bit k of
    codes[h, g] is set where the weight of input 4 g + k is +1. tables (K, 16, 4 WIDTH) uint64: scratch, of K groups at
    once. Written: fields (H, B / 2) uint64, B a multiple of 8 WIDTH: pairs of int32. Cost: B (16 + H) / 4 additions per
    input instead of B H; modulo 2^32.

    Example: inputs a, b, c, d have the table -a-b-c-d, a-b-c-d, -a+b-c-d, a+b-c-d, -a-b+c-d, ...; a unit with weights
    +1, -1, +1, -1 has code 1 + 4 and adds entry 5, a-b+c-d.
    """
    H, G = codes.shape
    K, length = tables.shape[0], fields.shape[1]
    words, table, nothing = 4 * WIDTH, np.uint64(64 * WIDTH), splat_word(np.uint64(0))
    flat = codes.reshape(-1)
    for tile in range(0, length, words):
        for first in range(0, G, K):
            count = min(K, G - first)
            for k in range(count):
                for j in range(0, words, WIDTH):
                    store_sums(x, places, 4 * (first + k), 2 * (tile + j), tables, 16 * words * k + j, words)
            for h in range(H):
                place = h * length + tile
                one = two = three = four = nothing
                if first > 0:
                    one, two = load_words(fields, place), load_words(fields, place + WIDTH)
                    three, four = load_words(fields, place + 2 * WIDTH), load_words(fields, place + 3 * WIDTH)
                code, begin = np.uint64(h * G + first), np.uint64(0)  # without signs no index is looked at twice
                for _ in range(count):
                    entry = np.int64(begin + np.uint64(flat[code]) * np.uint64(words))
                    one = plus_pairs(one, load_words(tables, entry))
                    two = plus_pairs(two, load_words(tables, entry + WIDTH))
                    three = plus_pairs(three, load_words(tables, entry + 2 * WIDTH))
                    four = plus_pairs(four, load_words(tables, entry + 3 * WIDTH))
                    code += np.uint64(1)
                    begin += table
                store_words(fields, place, one)
                store_words(fields, place + WIDTH, two)
                store_words(fields, place + 2 * WIDTH, three)
                store_words(fields, place + 3 * WIDTH, four)


@kernel
def field_bits(fields, thresholds, pool, gathered, out):
    """Signs of the maxima over pool x pool, Delta_h >= thresholds[h].

    fields (H, R, C, B) int32, thresholds (H,) int32, gathered (B,) uint64: scratch; written: out (S, G, WIDTH).
    """
    n_rows, n_columns = fields.shape[1] // pool, fields.shape[2] // pool
    n_words = -(-fields.shape[0] // 64)
    for r in range(n_rows):
        for c in range(n_columns):
            for k in range(n_words):
                gathered[:] = 0
                for h in range(64 * k, min(fields.shape[0], 64 * k + 64)):
                    bit, threshold = np.uint64(h - 64 * k), thresholds[h]
                    for i in range(pool):
                        for j in range(pool):
                            field = fields[h, pool * r + i, pool * c + j]
                            for p in range(len(gathered)):
                                gathered[p] |= np.uint64(field[p] >= threshold) << bit
                word = (r * n_columns + c) * n_words + k
                for s in range(out.shape[0]):
                    for j in range(WIDTH):
                        out[s, word, j] = gathered[s * WIDTH + j]


@kernel
def dense_signs(words, limits, x, out):
    """Signs of a layer of bits: fewer than limits[h] of the inputs differ from the weights.

    words (H, G) uint64, limits (H,) uint64, x (S, G, WIDTH); written: out (S, W, WIDTH). Cost: H G S popcounts of WIDTH
    words.
    """
    H, G = words.shape
    nothing = splat_word(np.uint64(0))
    for s in range(x.shape[0]):
        for k in range(out.shape[1]):
            bits = nothing
            for h in range(64 * k, min(H, 64 * k + 64)):
                distance = nothing
                for g in range(G):
                    distance = plus_distance(distance, splat_word(words[h, g]), load_words(x, (s * G + g) * WIDTH))
                bit = splat_word(np.uint64(1) << np.uint64(h - 64 * k))
                bits = plus_words(bits, where_less(distance, splat_word(limits[h]), bit, nothing))
            store_words(out, (s * out.shape[1] + k) * WIDTH, bits)


@kernel
def conv_signs(words, limit, width, size, pool, x, out):
    """Signs of the pooled maxima of a convolution of bits.

    words (F, K K Wc) uint64; limit: a field is not negative where fewer inputs differ; width: columns of the input;
    x (S, G, WIDTH), G = height width Wc; written: out (S, R C W, WIDTH), R and C the pooled sizes.
    """
    F = words.shape[0]
    n_channels = words.shape[1] // (size * size)
    G = x.shape[1]
    n_columns = (width - size + 1) // pool
    n_rows = (G // (n_channels * width) - size + 1) // pool
    n_words = -(-F // 64)
    nothing, below = splat_word(np.uint64(0)), splat_word(np.uint64(limit))
    for s in range(x.shape[0]):
        for r in range(n_rows):
            for c in range(n_columns):
                for k in range(n_words):
                    bits = nothing
                    for f in range(64 * k, min(F, 64 * k + 64)):
                        bit = splat_word(np.uint64(1) << np.uint64(f - 64 * k))
                        hit = nothing
                        for i in range(pool):
                            for j in range(pool):
                                distance = nothing
                                for a in range(size):
                                    first = ((pool * r + i + a) * width + pool * c + j) * n_channels
                                    for g in range(size * n_channels):
                                        weight = splat_word(words[f, a * size * n_channels + g])
                                        place = (s * G + first + g) * WIDTH
                                        distance = plus_distance(distance, weight, load_words(x, place))
                                hit = where_less(distance, below, bit, hit)
                        bits = plus_words(bits, hit)
                    store_words(out, (((s * n_rows + r) * n_columns + c) * n_words + k) * WIDTH, bits)


@kernel
def classes_of_bits(words, n_inputs, x, distances, out):
    """Predicted class: the largest w_c . x, the first of equals; of one output 1 where it is not negative, else 0.

    words (C, G) uint64, x (S, G, WIDTH), distances (C, WIDTH) uint64: scratch; written: out (B,) int64.
    """
    C, G = words.shape
    for s in range(x.shape[0]):
        for c in range(C):
            distance = splat_word(np.uint64(0))
            for g in range(G):
                distance = plus_distance(distance, splat_word(words[c, g]), load_words(x, (s * G + g) * WIDTH))
            store_words(distances, c * WIDTH, distance)
        for j in range(WIDTH):
            if C == 1:
                out[s * WIDTH + j] = 2 * distances[0, j] <= n_inputs
            else:
                best = 0
                for c in range(1, C):
                    if distances[c, j] < distances[best, j]:
                        best = c
                out[s * WIDTH + j] = best


@kernel
def classes_of_fields(fields, out):
    """As `classes_of_bits`, from fields (C, B) int32."""
    for p in range(len(out)):
        best = 0
        if len(fields) == 1:
            best = int(fields[0, p] >= 0)
        else:
            for c in range(1, len(fields)):
                if fields[c, p] > fields[best, p]:
                    best = c
        out[p] = best


@kernel
def flip_bits(words, places, bits, begin, end):
    """Flip bits[f] of words[places[f]], for f in [begin, end); words (n,) uint64."""
    for f in range(begin, end):
        words[places[f]] ^= bits[f]


@kernel
def split_walk(weights, flips, ends, offsets, local, signs, firsts, bounds):
    """Sort the flips of a walk by layer, in the order of the walk.

    weights (n,) int8: the start, becomes the end; flips (d,) int64, ends (T,) int64; offsets (L + 1,) int64: layer l
    has the weights from offsets[l] on. Written: local (d,) int64, signs (d,) int8: place in its layer and new sign of
    each flip, layer by layer; firsts (L + 1,) int64: where a layer begins there; bounds (L, T + 1) int64: counted from
    there, bounds[l, t] to bounds[l, t + 1] lead to point t.
    """
    n_layers = len(offsets) - 1
    firsts[:] = 0
    for f in range(ends[-1]):
        layer = 0
        while flips[f] >= offsets[layer + 1]:
            layer += 1
        firsts[layer + 1] += 1
    for layer in range(n_layers):
        firsts[layer + 1] += firsts[layer]
    bounds[:] = 0
    f = 0
    for t in range(len(ends)):
        bounds[:, t + 1] = bounds[:, t]
        while f < ends[t]:
            flip, layer = flips[f], 0
            while flip >= offsets[layer + 1]:
                layer += 1
            weights[flip] = -weights[flip]
            place = firsts[layer] + bounds[layer, t + 1]
            local[place], signs[place] = flip - offsets[layer], weights[flip]
            bounds[layer, t + 1] += 1
            f += 1


@kernel
def places_of_bits(flips, fan_in, positions, n_words, places, bits):
    """Word and bit of weights with flat indices flips (d,), packed position by position; written: places, bits (d,)."""
    for f in range(len(flips)):
        unit, inside = flips[f] // fan_in, flips[f] % fan_in
        channel, position = inside // positions, inside % positions
        places[f] = (unit * positions + position) * n_words + channel // 64
        bits[f] = np.uint64(1) << np.uint64(channel % 64)
