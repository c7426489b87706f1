"""Kernels that follow single flips of a network: its errors after each, exact.

A flip changes the field of one unit on every pattern, at every position of a filter, but its sign in few places; behind
these only what the changed signs reach is computed again. A fully connected layer is a filter with one position. Fields
of the first layer are stored unit by unit, those of the others pattern by pattern, the last ones being the outputs;
hidden signs are stored pattern by pattern. Layers behind the first are joined in one array.
"""

from typing import NamedTuple

import numpy as np

from binland.kernels.compiler import kernel

FAN_IN, UNITS, POSITIONS, WINDOWS, POOLED = range(5)  # rows of shape
WEIGHTS, FIELDS, SIGNS, LIMITS, READS, FEEDS = range(6)  # rows of at


class State(NamedTuple):
    """A network on its patterns.

    shape (5, L) int64: of each layer the fan-in, units F, positions Q, windows G of the max-pool, and positions of a
    window. at (6, L) int64: where a layer's weights, fields, signs, thresholds, reads and starts begin. inputs (N, P)
    int16. columns (n,) int8: weights (F, fan-in) of the first layer, (fan-in, F) of the others, in layers of one
    position in the order of the signs that they read. reads (any,) int32: the `wiring` of each layer. starts (any,)
    int64, feeds (any, 3) int32: for each sign of the layer before, from one start to the next, the positions that read
    it, with which weight, and in which window; none for layers of one position. first (F Q, P) int32: fields of the
    first layer; fields (any,) int16 or int32: of the others, (P, Q, F). signs (any,) int8: of hidden layers after the
    max-pool, (P, G, F). thresholds (any,) as fields: +1 where a field is at least that. upper (F Q, P) bool: where
    those of the first layer are. classes (P,) int64. wrong (P,) bool.

    Scratch: patterns, reached (P,) int64. turned (P, largest G) int32, lengths (P,) int64, all -1: signs of a pattern
    that change. changed (2, largest G F + 8) int64. marked (largest G,) bool. crossed (8 K,) uint8, at least the
    largest F, which is 0, and the same memory as words (K,) uint64.
    """

    shape: np.ndarray
    at: np.ndarray
    inputs: np.ndarray
    columns: np.ndarray
    reads: np.ndarray
    starts: np.ndarray
    feeds: np.ndarray
    first: np.ndarray
    fields: np.ndarray
    signs: np.ndarray
    thresholds: np.ndarray
    upper: np.ndarray
    classes: np.ndarray
    wrong: np.ndarray
    patterns: np.ndarray
    reached: np.ndarray
    turned: np.ndarray
    lengths: np.ndarray
    changed: np.ndarray
    marked: np.ndarray
    crossed: np.ndarray
    words: np.ndarray


@kernel
def judge(patterns, outputs, at, forward, step, count, classes, wrong):
    """Update the class of some patterns from outputs[at + forward p], outputs[at + forward p + step], ...

    Returns the change of the number of errors. The class is the largest output, the first of equals; of one output it
    is 1 where it is not negative, else 0. Outputs are compared as count times the output minus its index, which are all
    different: a maximum without branches.
    """
    change = 0
    for p in patterns:
        place, mine = np.uint64(at + forward * p), classes[p]
        if count == 1:
            now = (outputs[place] >= 0) != (mine == 1)
        else:
            most = np.int64(-(2**62))
            for c in range(count):
                most = max(most, np.int64(outputs[place + np.uint64(c * step)]) * count - c)
            now = most != np.int64(outputs[place + np.uint64(mine * step)]) * count - mine
        change += np.int64(now) - np.int64(wrong[p])
        wrong[p] = now
    return change


@kernel
def spread(
    patterns,
    layer,
    unit,
    shape,
    at,
    columns,
    starts,
    feeds,
    fields,
    signs,
    thresholds,
    classes,
    wrong,
    turned,
    lengths,
    changed,
    marked,
    crossed,
    words,
):
    """Signs of a hidden layer change on some patterns: follow them to the outputs.

    unit: the one that changes, in a layer of one position; else -1, and `turned` says which.

    Returns the change of the number of errors. Cost: for every sign that changes, the units of the next layer at the
    positions that read it. Places are unsigned and sums keep their type, so that the loops become vectors. Arrays come
    one by one and patterns together: references to arrays are counted at every call, which took longer than all the
    rest.
    """
    number, one, eight = fields.dtype.type, np.uint64(1), np.uint64(8)
    last = np.uint64(shape.shape[1] - 1)
    first, arrived = np.uint64(layer), 0
    begin_signs, n_signs = np.uint64(at[SIGNS, first]), np.uint64(shape[WINDOWS, first] * shape[UNITS, first])
    for p in patterns:
        layer, count, now = first, one, np.uint64(0)
        if unit >= 0:
            changed[0, 0] = unit
        else:
            count = np.uint64(lengths[p])
            lengths[p] = -1
            for k in range(count):
                changed[0, k] = turned[p, k]
        own = begin_signs + np.uint64(p) * n_signs
        while count:
            layer += one
            units, windows = np.uint64(shape[UNITS, layer]), np.uint64(shape[WINDOWS, layer])
            pooled = np.uint64(shape[POOLED, layer])
            target = np.uint64(at[FIELDS, layer]) + np.uint64(p) * windows * pooled * units
            first_column = np.uint64(at[WEIGHTS, layer])
            single = windows * pooled == one
            marked[0] = single
            for k in range(count):
                h = np.uint64(changed[now, k])
                signs[own + h] = -signs[own + h]
                step = number(2 * signs[own + h])
                if single:
                    column = first_column + h * units
                    for g in range(units):
                        fields[target + g] = number(fields[target + g] + number(step * number(columns[column + g])))
                    continue
                begin = np.uint64(at[FEEDS, layer]) + h
                for f in range(np.uint64(starts[begin]), np.uint64(starts[begin + one])):
                    field = target + np.uint64(feeds[f, 0]) * units
                    column = first_column + np.uint64(feeds[f, 1]) * units
                    marked[feeds[f, 2]] = True
                    for g in range(units):
                        fields[field + g] = number(fields[field + g] + number(step * number(columns[column + g])))
            if layer == last:
                patterns[arrived] = p
                arrived += 1
                break
            limit, count, now = np.uint64(at[LIMITS, layer]), np.uint64(0), one - now
            own = np.uint64(at[SIGNS, layer]) + np.uint64(p) * windows * units
            for window in range(windows):
                if not marked[window]:
                    continue
                marked[window] = False
                field, sign = target + window * pooled * units, window * units
                for _ in range(one, pooled):
                    for g in range(units):
                        crossed[g] |= np.uint8(fields[field + g] >= thresholds[limit + g])
                    field += units
                place = own + sign
                for g in range(units):
                    above = np.uint8(fields[field + g] >= thresholds[limit + g]) | crossed[g]
                    crossed[g] = above ^ np.uint8(signs[place + g] > 0)
                for k in range((units + np.uint64(7)) // eight):
                    if words[k]:
                        for g in range(eight * k, eight * k + eight):
                            changed[now, count] = sign + g
                            count += np.uint64(crossed[g])
                        words[k] = 0
    outputs = shape[UNITS, last]
    return judge(patterns[:arrived], fields, at[FIELDS, last], outputs, 1, outputs, classes, wrong)


@kernel
def cross_first(row, upper, x, step, limit, patterns):
    """Change a weight of the first layer by a step, at one position, where it meets inputs x (P,).

    row (P,), upper (P,) are updated. Written: the patterns on which the sign of the field changes. Returns how many.
    """
    crossing = 0
    for p in range(row.shape[0]):
        row[p] += step * np.int32(x[p])
    for p in range(row.shape[0]):
        patterns[crossing] = p
        crossing += np.int64((row[p] >= limit) ^ upper[p])
    for p in patterns[:crossing]:
        upper[p] = not upper[p]
    return crossing


@kernel
def cross(fields, field, forward, signs, sign, behind, step, limit, patterns):
    """As `cross_first`, for a later layer: fields[field + forward p] meet signs[sign + behind p]."""
    crossing = 0
    for p in range(np.uint64(patterns.shape[0])):
        old = fields[field + p * forward]
        new = fields.dtype.type(old + step * signs[sign + p * behind])
        fields[field + p * forward], patterns[crossing] = new, p
        crossing += np.int64((old >= limit) ^ (new >= limit))
    return crossing


@kernel
def flip(state, place):
    """Flip a weight, given by its flat index; returns the change of the number of errors. Cost Q P, and `spread`.

    A sign behind a max-pool is the OR over its window: it changes with one of them if no other is +1.
    """
    shape, at, columns, fields, signs = state.shape, state.at, state.columns, state.fields, state.signs
    first, upper, patterns, reached = state.first, state.upper, state.patterns, state.reached
    turned, lengths = state.turned, state.lengths
    number, last, P = fields.dtype.type, shape.shape[1] - 1, state.classes.shape[0]
    layer = 0
    while layer < last and place >= at[WEIGHTS, layer + 1]:
        layer += 1
    units, positions, pooled = shape[UNITS, layer], shape[POSITIONS, layer], shape[POOLED, layer]
    unit, source = divmod(place - at[WEIGHTS, layer], shape[FAN_IN, layer])
    reads, read = state.reads, at[READS, layer] + source * positions
    column = place
    if layer > 0:
        column = at[WEIGHTS, layer] + (reads[read] if positions == 1 else source) * units + unit
    columns[column] = -columns[column]
    step = number(2 * columns[column])
    field, forward = np.uint64(at[FIELDS, layer] + unit), np.uint64(positions * units)
    sign, behind = np.uint64(at[SIGNS, layer - 1]), np.uint64(shape[WINDOWS, layer - 1] * shape[UNITS, layer - 1])
    if layer == last and layer == 0:
        row, x = first[unit], state.inputs[source]
        for p in range(P):
            row[p] += np.int32(step) * np.int32(x[p])
        return judge(np.arange(P), first.reshape(-1), 0, 1, P, units, state.classes, state.wrong)
    if layer == last:
        sign += np.uint64(reads[read])
        for p in range(np.uint64(P)):
            fields[field + p * forward] += step * signs[sign + p * behind]
        return judge(np.arange(P), fields, at[FIELDS, last], units, 1, units, state.classes, state.wrong)
    limit, arrived = state.thresholds[at[LIMITS, layer] + unit], 0
    for q in range(positions):
        if layer == 0:
            row, x = unit * positions + q, state.inputs[reads[read + q]]
            crossing = cross_first(first[row], upper[row], x, np.int32(step), np.int32(limit), patterns)
        else:
            here, met = field + np.uint64(q * units), sign + np.uint64(reads[read + q])
            crossing = cross(fields, here, forward, signs, met, behind, step, limit, patterns)
        if positions == 1:
            reached, arrived = patterns, crossing
            break
        window = q // pooled
        for p in patterns[: np.uint64(crossing)]:
            alone = True
            for r in range(window * pooled, window * pooled + pooled):
                if r != q and layer == 0:
                    alone &= not upper[unit * positions + r, p]
                elif r != q:
                    alone &= fields[field + np.uint64(p) * forward + np.uint64(r * units)] < limit
            if not alone:
                continue
            length, turning = lengths[p], window * units + unit
            if length < 0:
                reached[arrived], lengths[p], turned[p, 0] = p, 1, turning
                arrived += 1
            elif length > 0 and turned[p, length - 1] == turning:  # and back
                lengths[p] = length - 1
            else:
                turned[p, length] = turning
                lengths[p] = length + 1
    tables = shape, at, columns, state.starts, state.feeds, fields, signs, state.thresholds, state.classes, state.wrong
    scratch = turned, lengths, state.changed, state.marked, state.crossed, state.words
    return spread(reached[:arrived], layer, unit if positions == 1 else -1, *tables, *scratch)


@kernel
def follow(state, places, errors, counts):
    """counts (d,) int64 <- number of errors after each of the flips (d,), `errors` before."""
    for t in range(places.shape[0]):
        errors += flip(state, places[t])
        counts[t] = errors


@kernel
def flip_some(state, places, count, least, limit, errors, chosen):
    """As `binland.kernels.fields.flip_some`, for places (m,) of weights."""
    done = np.zeros(places.shape[0], np.bool_)
    made = 0
    for s in range(places.shape[0]):
        if made == count:
            break
        after = errors + flip(state, places[s])
        if after > limit and after > errors:
            flip(state, places[s])
        else:
            errors, done[s], chosen[made] = after, True, s
            made += 1
    for s in range(places.shape[0]):
        if made >= least:
            break
        if not done[s]:
            errors += flip(state, places[s])
            chosen[made] = s
            made += 1
    return made, errors
