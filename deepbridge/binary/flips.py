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
    those of the first layer are. classes (P,) int64. wrong (P,) bool. Scratch: changed (2, largest H) int64, before
    (largest H,) as fields, crossed (8 K,) uint8, at least the largest H, which is 0, and the same memory as words (K,)
    uint64.
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
    changed: np.ndarray
    before: np.ndarray
    crossed: np.ndarray
    words: np.ndarray


@kernel
def judge(state, p):
    """Look at the outputs of pattern p again; returns the change of the number of errors.

    Its class is the largest output, the first of equals; of one output 1 where it is not negative, else 0.
    """
    last = state.sizes.shape[0] - 2
    count, best = state.sizes[last + 1], 0
    if last:
        outputs, at = state.fields, state.at[1, last] + p * count
        if count == 1:
            best = np.int64(outputs[at] >= 0)
        for c in range(1, count):
            if outputs[at + c] > outputs[at + best]:
                best = c
    elif count == 1:
        best = np.int64(state.first[0, p] >= 0)
    else:
        for c in range(1, count):
            if state.first[c, p] > state.first[best, p]:
                best = c
    now = best != state.classes[p]
    change = np.int64(now) - np.int64(state.wrong[p])
    state.wrong[p] = now
    return change


@kernel
def spread(state, p, layer, unit):
    """The sign of a hidden unit changes on pattern p: follow it to the outputs.

    Cost: for every sign that changes, the units of the next layer. Places are unsigned and sums keep their type, so
    that the loops become vectors.
    """
    sizes, at, columns, fields, signs = state.sizes, state.at, state.columns, state.fields, state.signs
    thresholds, changed, before, crossed, words = (
        state.thresholds,
        state.changed,
        state.before,
        state.crossed,
        state.words,
    )
    number = fields.dtype.type
    last = sizes.shape[0] - 2
    count, now = 1, 0
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
            return
        limit = np.uint64(at[3, layer])
        for g in range(following):
            above, was = fields[target + g] >= thresholds[limit + g], before[g] >= thresholds[limit + g]
            crossed[g] = np.uint8(above ^ was)
        count, now = 0, 1 - now
        for k in range(words.shape[0]):
            if words[k]:
                for g in range(8 * k, 8 * k + 8):
                    if crossed[g]:
                        changed[now, count] = g
                        count += 1
                words[k] = 0


@kernel
def flip(state, place):
    """A weight, by its flat index, changes its sign; returns the change of the number of errors. Cost P, and
    `spread`.
    """
    last, P = state.sizes.shape[0] - 2, state.classes.shape[0]
    at, fields, signs, columns = state.at, state.fields, state.signs, state.columns
    layer = 0
    while layer < last and place >= at[0, layer + 1]:
        layer += 1
    fan_in, units = state.sizes[layer], state.sizes[layer + 1]
    unit, source = (place - at[0, layer]) // fan_in, (place - at[0, layer]) % fan_in
    errors = 0
    if layer == 0:
        columns[place] = -columns[place]
        step = np.int32(2 * columns[place])
        row, x = state.first[unit], state.inputs[source]
        for p in range(P):
            row[p] += step * np.int32(x[p])
        if last == 0:
            for p in range(P):
                errors += judge(state, p)
            return errors
        limit, upper = np.int32(state.thresholds[unit]), state.upper[unit]
        for p in range(P):
            if (row[p] >= limit) != upper[p]:
                upper[p] = not upper[p]
                spread(state, p, 0, unit)
                errors += judge(state, p)
        return errors
    column = at[0, layer] + source * units + unit
    columns[column] = -columns[column]
    step = 2 * columns[column]
    for p in range(P):
        field = at[1, layer] + p * units + unit
        before = fields[field]
        after = before + step * signs[at[2, layer - 1] + p * fan_in + source]
        fields[field] = after
        if layer == last:
            errors += judge(state, p)
        else:
            limit = state.thresholds[at[3, layer] + unit]
            if (before >= limit) != (after >= limit):
                spread(state, p, layer, unit)
                errors += judge(state, p)
    return errors


@kernel
def follow(state, places, errors, counts):
    """counts (d,) int64 <- errors after each of the flips (d,), `errors` before."""
    for t in range(places.shape[0]):
        errors += flip(state, places[t])
        counts[t] = errors


@kernel
def flip_some(state, places, count, limit, errors, chosen):
    """As `binland.kernels.fields.flip_some`, for places (m,) of weights."""
    done = np.zeros(places.shape[0], np.bool_)
    made = 0
    for s in range(places.shape[0]):
        if made == count:
            return errors
        after = errors + flip(state, places[s])
        if after > limit and after > errors:
            flip(state, places[s])
        else:
            errors, done[s], chosen[made] = after, True, s
            made += 1
    for s in range(places.shape[0]):
        if made == count:
            break
        if not done[s]:
            errors += flip(state, places[s])
            chosen[made] = s
            made += 1
    return errors
