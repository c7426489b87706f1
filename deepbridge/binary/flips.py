"""Kernels that follow single flips of a fully connected network: its errors after each, exact.

A flip changes the field of one unit on every pattern, but its sign on few; behind them only what these signs reach is
computed again. The fields of the first layer lie unit by unit, those of the others pattern by pattern, the last being
the outputs; hidden signs lie pattern by pattern. All layers behind the first are one behind the other in one array.
"""

from typing import NamedTuple

import numpy as np

from binland.kernels.compiler import kernel


class State(NamedTuple):
    """A network on its patterns.

    sizes (L + 1,) int64: inputs, and units of each layer. at (4, L) int64: where a layer's weights, fields, signs and
    units begin. inputs (N, P) int16. columns (n,) int8: weights (H, N) of the first layer, (N, H) of the others. first
    (H, P) int32: fields of the first layer; fields (any,) int16 or int32: of the others. signs (any,) int8, of hidden
    layers. thresholds (any,) as fields: a unit's sign is +1 where its field is at least that. upper (H, P) bool: where
    those of the first layer are. classes (P,) int64. wrong (P,) bool. Scratch: patterns (P,) int64, changed (2, 8 K)
    int64, before (largest H,) as fields, crossed (8 K,) uint8, at least the largest H, which is 0, and the same memory
    as words (K,) uint64.
    """

    sizes: np.ndarray
    at: np.ndarray
    inputs: np.ndarray
    columns: np.ndarray
    first: np.ndarray
    fields: np.ndarray
    signs: np.ndarray
    thresholds: np.ndarray
    upper: np.ndarray
    classes: np.ndarray
    wrong: np.ndarray
    patterns: np.ndarray
    changed: np.ndarray
    before: np.ndarray
    crossed: np.ndarray
    words: np.ndarray


@kernel
def judge(patterns, outputs, at, forward, step, count, classes, wrong):
    """Look at the outputs of some patterns again, outputs[at + forward p], outputs[at + forward p + step], ...

    Returns the change of the number of errors. The class is the largest output, the first of equals; of one output 1
    where it is not negative, else 0. Outputs are compared as count times the output minus its place, all different: a
    largest one without branches.
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
    sizes,
    at,
    columns,
    fields,
    signs,
    thresholds,
    classes,
    wrong,
    changed,
    before,
    crossed,
    words,
):
    """The sign of a hidden unit changes on some patterns: follow it to the outputs.

    Returns the change of the number of errors. Cost: for every sign that changes, the units of the next layer. Places
    are unsigned and sums keep their type, so that the loops become vectors. Arrays come one by one and patterns
    together: references to arrays are counted at every call, which took longer than all the rest.
    """
    number = fields.dtype.type
    last = sizes.shape[0] - 2
    first, arrived = layer, 0
    for p in patterns:
        layer, count, now = first, 1, 0
        changed[0, 0] = unit
        while count:
            units, following = sizes[layer + 1], np.uint64(sizes[layer + 2])
            target = np.uint64(at[1, layer + 1] + p * sizes[layer + 2])
            for g in range(following):
                before[g] = fields[target + g]
            for k in range(count):
                h = changed[now, k]
                place, column = at[2, layer] + p * units + h, np.uint64(at[0, layer + 1] + h * sizes[layer + 2])
                signs[place] = -signs[place]
                step = number(2 * signs[place])
                for g in range(following):
                    fields[target + g] = number(fields[target + g] + number(step * number(columns[column + g])))
            layer += 1
            if layer == last:
                patterns[arrived] = p
                arrived += 1
                break
            limit = np.uint64(at[3, layer])
            for g in range(following):
                above, was = fields[target + g] >= thresholds[limit + g], before[g] >= thresholds[limit + g]
                crossed[g] = np.uint8(above ^ was)
            count, now = 0, 1 - now
            for k in range(words.shape[0]):
                if words[k]:
                    for g in range(8 * k, 8 * k + 8):
                        changed[now, count] = g
                        count += crossed[g]
                    words[k] = 0
    return judge(patterns[:arrived], fields, at[1, last], sizes[last + 1], 1, sizes[last + 1], classes, wrong)


@kernel
def flip(state, place):
    """A weight, by its flat index, changes its sign; returns the change of the number of errors. Cost P, and
    `spread`.
    """
    sizes, at, columns, fields, signs = state.sizes, state.at, state.columns, state.fields, state.signs
    thresholds, classes, wrong, patterns = state.thresholds, state.classes, state.wrong, state.patterns
    last, P = sizes.shape[0] - 2, classes.shape[0]
    layer = 0
    while layer < last and place >= at[0, layer + 1]:
        layer += 1
    fan_in, units, outputs = sizes[layer], sizes[layer + 1], sizes[last + 1]
    unit, source = (place - at[0, layer]) // fan_in, (place - at[0, layer]) % fan_in
    crossing = 0
    if layer == 0:
        columns[place] = -columns[place]
        step = np.int32(2 * columns[place])
        row, x = state.first[unit], state.inputs[source]
        for p in range(P):
            row[p] += step * np.int32(x[p])
        if last == 0:
            return judge(np.arange(P), state.first.reshape(-1), 0, 1, P, outputs, classes, wrong)
        limit, upper = np.int32(thresholds[unit]), state.upper[unit]
        for p in range(P):
            patterns[crossing] = p
            crossing += np.int64((row[p] >= limit) ^ upper[p])
        for p in patterns[:crossing]:
            upper[p] = not upper[p]
    else:
        column = at[0, layer] + source * units + unit
        columns[column] = -columns[column]
        step, from_units = fields.dtype.type(2 * columns[column]), np.uint64(at[2, layer - 1] + source)
        target = np.uint64(at[1, layer] + unit)
        if layer == last:
            for p in range(np.uint64(P)):
                fields[target + p * np.uint64(units)] += step * signs[from_units + p * np.uint64(fan_in)]
            return judge(np.arange(P), fields, at[1, last], outputs, 1, outputs, classes, wrong)
        limit = thresholds[at[3, layer] + unit]
        for p in range(np.uint64(P)):
            field = target + p * np.uint64(units)
            old = fields[field]
            new = fields.dtype.type(old + step * signs[from_units + p * np.uint64(fan_in)])
            fields[field], patterns[crossing] = new, p
            crossing += np.int64((old >= limit) ^ (new >= limit))
    scratch = state.changed, state.before, state.crossed, state.words
    return spread(
        patterns[:crossing], layer, unit, sizes, at, columns, fields, signs, thresholds, classes, wrong, *scratch
    )


@kernel
def follow(state, places, errors, counts):
    """counts (d,) int64 <- errors after each of the flips (d,), `errors` before."""
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
