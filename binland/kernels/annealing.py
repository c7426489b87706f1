"""Local moves on the order of a path, with exact errors, and the best of all orders of a few flips."""

import math

import numpy as np

from binland.kernels.compiler import kernel
from binland.kernels.fields import flip, wrong


@kernel
def cost(errors, limit):
    """Sum over states of the square of the errors above limit."""
    total = 0
    for t in range(errors.shape[0]):
        total += max(errors[t] - limit, 0) ** 2
    return total


@kernel
def walk(codes, position, goal, inputs, fields, votes):
    """From the state after `position` flips to that after `goal`, forth or back."""
    while position < goal:
        flip(codes[position], inputs, fields, votes)
        position += 1
    while position > goal:
        position -= 1
        flip(codes[position] ^ 1, inputs, fields, votes)


@kernel
def anneal(codes, errors, position, window, limit, temperature, uniforms, inputs, fields, votes, mask):
    """Metropolis moves: a flip of the order is taken out and put in elsewhere, beyond the middle of a window.

    codes (d,) int64, the order, flips as in `fields.flip`; errors (d + 1,) int64, exact, before and after each; both
    are kept up to date. position: flips that are done in fields and votes. window: first, middle, last, so that flips
    from first to middle - 1 may go to middle to last - 1, or the other way round. uniforms (moves, 4) in [0, 1). A
    move changes the states between the two places only; it is given up as soon as it costs too much. Returns position,
    and the number of flips that were made.
    """
    first, middle, last = window
    trial, codes_after = np.empty(last - first, np.int64), np.empty(last - first, np.int64)
    spent = 0
    for m in range(uniforms.shape[0]):
        i = first + np.int64(uniforms[m, 0] * (middle - first))
        j = middle + np.int64(uniforms[m, 1] * (last - middle))
        n = j - i  # states i + 1 ... j change
        if uniforms[m, 2] < 0.5:
            codes_after[:n], codes_after[n] = codes[i + 1 : j + 1], codes[i]
        else:
            codes_after[0], codes_after[1 : n + 1] = codes[j], codes[i:j]
        walk(codes, position, i, inputs, fields, votes)
        spent += abs(position - i)
        allowed = cost(errors[i + 1 : j + 1], limit) - temperature * math.log(1 - uniforms[m, 3])
        made, total = 0, 0
        while made < n and total <= allowed:
            flip(codes_after[made], inputs, fields, votes)
            trial[made] = wrong(votes, mask)
            total += max(trial[made] - limit, 0) ** 2
            made += 1
        spent += made
        if total <= allowed:
            codes[i : j + 1], errors[i + 1 : j + 1] = codes_after[: n + 1], trial[:n]
            position = j
        else:
            walk(codes_after, made, 0, inputs, fields, votes)
            spent += made
            position = i
    return position, spent


@kernel
def subset_errors_into(codes, inputs, fields, votes, mask, errors):
    """Errors after every subset of the flips, errors (2^d,) int64: bit k of a place says that flip k is done.

    Every subset differs from the one before in a single flip (Gray's code). Cost 2^d P.
    """
    subset = 0
    errors[0] = wrong(votes, mask)
    for s in range(1, errors.shape[0]):
        k = 0
        while not (s >> k) & 1:
            k += 1
        subset ^= 1 << k
        flip(codes[k] if (subset >> k) & 1 else codes[k] ^ 1, inputs, fields, votes)
        errors[subset] = wrong(votes, mask)


@kernel
def lowest_into(errors, order):
    """Replace errors (2^d,) of subsets by the lowest barrier of all orders that lead there; order (d,) <- a best one.

    A subset is reached from one with a flip less. Example: errors 0, 3, 1, 2 of {}, {0}, {1}, {0, 1} become 0, 3, 1, 2:
    the order is 1, 0. Cost d 2^d.
    """
    d = order.shape[0]
    for s in range(1, errors.shape[0]):
        lowest = errors[s ^ (s & -s)]
        for k in range(d):
            if (s >> k) & 1:
                lowest = min(lowest, errors[s ^ (1 << k)])
        errors[s] = max(errors[s], lowest)
    s = errors.shape[0] - 1
    for t in range(d - 1, -1, -1):
        chosen = -1
        for k in range(d):
            if (s >> k) & 1 and (chosen < 0 or errors[s ^ (1 << k)] < errors[s ^ (1 << chosen)]):
                chosen = k
        order[t] = chosen
        s ^= 1 << chosen
