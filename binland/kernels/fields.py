"""Single flips of a machine that keeps its pre-activations as integers.

fields (H, P) are c_h w_h . x_mu except for ties: a unit with output weight -1 holds -(w_h . x_mu) - 1, so that every
unit votes +1 where its field is not negative. votes (P,) are the sums of these votes. Both are int16, or int32 where a
sum may not fit. P is padded to whole words with patterns whose inputs are 0, so that their fields never change. A
pattern is wrong where votes ^ mask is negative; mask (P,) is 0 for the label +1 and -1 for -1, and such that padding is
never wrong.
"""

import numpy as np

from binland.kernels.compiler import kernel

STRETCH = 16384  # patterns whose errors are summed in 16 bits


@kernel
def votes_into(fields, votes):
    """Sums over the units, from scratch. Cost H P."""
    H, P = fields.shape
    votes[:] = -H
    for h in range(H):
        field = fields[h]
        for p in range(P):
            votes[p] += 2 * (field[p] >= 0)


@kernel
def wrong(votes, mask):
    """Number of wrong patterns. Cost P."""
    errors = 0
    for first in range(0, votes.shape[0], STRETCH):
        some, target = votes[first : first + STRETCH], mask[first : first + STRETCH]
        part = np.int16(0)
        for p in range(some.shape[0]):
            part = np.int16(part + np.int16((some[p] ^ target[p]) < 0))
        errors += part
    return errors


@kernel
def flip(place, inputs, outputs, weights, fields, votes):
    """Flip one weight, given by its flat index. Cost P.

    inputs (N, P), outputs (H,), weights (H N,), all int8.
    """
    number = fields.dtype.type
    unit = place // inputs.shape[0]
    field, row = fields[unit], inputs[place - unit * inputs.shape[0]]
    weights[place] = -weights[place]
    step = number(2 * weights[place] * outputs[unit])
    for p in range(field.shape[0]):
        old = field[p]
        new = number(old + number(step * row[p]))
        field[p] = new
        votes[p] = number(votes[p] + number(2 * number(number(new >= 0) - number(old >= 0))))


@kernel
def follow(places, inputs, outputs, weights, fields, votes, mask, errors):
    """Flip the places one by one; errors (d,) int64 <- number of errors after each. Cost d P."""
    for t in range(places.shape[0]):
        flip(places[t], inputs, outputs, weights, fields, votes)
        errors[t] = wrong(votes, mask)


@kernel
def flip_some(places, count, least, limit, current, inputs, outputs, weights, fields, votes, mask, chosen):
    """Do `count` flips in order, but postpone those that lead to more errors than both `limit` and the step before.

    places (m,), m >= count >= least; current: errors before. If fewer than `least` are done, the first of the postponed
    ones follow. Written: chosen (count,) int64, which of the places. Returns how many, and the number of errors after
    them. Cost at most 3 m P.
    """
    done = np.zeros(places.shape[0], np.bool_)
    made = 0
    for s in range(places.shape[0]):
        if made == count:
            break
        flip(places[s], inputs, outputs, weights, fields, votes)
        errors = wrong(votes, mask)
        if errors > limit and errors > current:
            flip(places[s], inputs, outputs, weights, fields, votes)
        else:
            current, done[s], chosen[made] = errors, True, s
            made += 1
    for s in range(places.shape[0]):
        if made >= least:
            break
        if not done[s]:
            flip(places[s], inputs, outputs, weights, fields, votes)
            chosen[made] = s
            made += 1
    return made, wrong(votes, mask)
