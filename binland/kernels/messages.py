"""Belief propagation for perceptrons and committee machines: every pattern is to be satisfied.

A pattern is one factor over all H N weights, and sends each of them a message: a field u, half the logarithm of the
odds of +1. messages (P, H, M) float64, M >= N a multiple of LANES, filled up with zeros; totals (H, M): the external
field of a weight plus all messages to it, so that its cavity field towards a pattern is total - message, and its
cavity magnetisation m is tanh of that. inputs (P, M) int8, 0 where they are filled up. A unit is +1 where its sum of N
terms is at least 0.

u = ln(Z given +1 / Z given -1) / 2, where Z is the probability that the pattern is satisfied under the cavity laws.
Units are independent under these, so that a convolution over their votes gives Z_plus and Z_minus, those given the sign
of one unit. What is left is a sum over the inputs of this unit, x_i m_i with mean A and variance V = sum_i (1 - m_i^2).

Gaussian messages: Z = Z_plus H(-A / sqrt V) + Z_minus H(A / sqrt V), H the tail of the normal law. With one weight
given, A becomes A - x m +- x and V becomes V - 1 + m^2. The message is half the difference of L = ln Z at these two,
expanded around A and V, derivatives with respect to A, and dZ/dV = Z'' / 2, as of every Gaussian mean:

    u = x (L' + (m^2 - 1/3) L''' - (1 - m^2) L' L'') - m L''

up to terms of relative order 1 / V. Example: m = 0 everywhere, one unit, odd N, label +1: V = N, A = 0 and L' =
sqrt(2 / (pi N)), so that u is about x times that. Where N is even, a sum is at least 0 if it is above -1, the middle
between two values that it can have: A is then taken 1 larger. Exact messages: the sum over inputs is a convolution.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from binland.kernels.compiler import kernel
from binland.kernels.convolution import back_into, forth_into
from binland.kernels.elementary import ROOT_TWO_PI, exp, log, log_two_cosh, mills, tanh

LANES = 16  # number of partial sums, the same for every CPU
NARROWEST = 1.0  # smallest V; below it only one weight varies
STRONGEST = 20.0  # largest exact message; tanh 20 is 1 - 1e-17
SMALLEST = 1e-290  # a pattern with a smaller probability pushes all units towards its label
TINY = 1e-300

Array = NDArray[np.float64]


class Scratch(NamedTuple):
    """What kernels write for themselves: means (H, M), sums (2, LANES), changes (LANES,); A and V of the units, the
    laws of their signs and Z_plus, Z_minus (H,); law and tail of convolutions over votes, (H + 1, H + 1) and (H + 1,);
    of exact messages the same over inputs, else empty."""

    means: Array
    sums: Array
    changes: Array
    centres: Array
    widths: Array
    up: Array
    down: Array
    plus: Array
    minus: Array
    law: Array
    tail: Array
    input_up: Array
    input_down: Array
    given_up: Array
    given_down: Array
    input_law: Array
    input_tail: Array


class Rule(NamedTuple):
    """damping: share of the old message that stays. coupling, replicas: gamma and y of the focusing."""

    damping: float
    coupling: float
    replicas: float


@kernel
def means_into(totals, messages, inputs, means, sums):
    """means (M,) <- cavity magnetisations of one unit; returns sum x m and sum m^2. sums (2, LANES). Cost M."""
    for i in range(means.shape[0]):
        means[i] = tanh(totals[i] - messages[i])
    x, m = inputs.reshape(-1, LANES), means.reshape(-1, LANES)
    for j in range(LANES):
        sums[0, j], sums[1, j] = 0.0, 0.0
    for b in range(m.shape[0]):
        for j in range(LANES):
            sums[0, j] += x[b, j] * m[b, j]
        for j in range(LANES):
            sums[1, j] += m[b, j] * m[b, j]
    total, squares = 0.0, 0.0
    for j in range(LANES):
        total += sums[0, j]
        squares += sums[1, j]
    return total, squares


@kernel
def renew(totals, messages, inputs, means, constant, slope, square, damping, changes):
    """New messages of a pattern to a unit, and totals with them, all (M,); changes (LANES,) keeps the largest. Cost M.

    The message is x (constant + square m^2) - slope m. means are overwritten.
    """
    kept = 1.0 - damping
    for i in range(means.shape[0]):
        m = means[i]
        change = kept * (inputs[i] * (constant + square * (m * m)) - slope * m - messages[i])
        messages[i] += change
        totals[i] += change
        means[i] = abs(change)
    sizes = means.reshape(-1, LANES)
    for b in range(sizes.shape[0]):
        for j in range(LANES):
            changes[j] = max(changes[j], sizes[b, j])


@kernel
def tail_and_density(t):
    """H(|t|) / G(t) and 1 / G(t), G the normal density; the latter is at most 1e304."""
    return mills(abs(t)), ROOT_TWO_PI / exp(-0.5 * t * t)


@kernel
def coefficients(A, V, plus, minus):
    """constant, slope and square of `renew`: L' - L''' / 3 - L' L'', L'' and L''' + L' L''."""
    t = A / math.sqrt(V)
    tail, whole = tail_and_density(t)
    likely, other = (plus, minus) if t >= 0.0 else (minus, plus)
    first = (plus - minus) / (math.sqrt(V) * (likely * (whole - tail) + other * tail))
    second = -first * (A / V + first)
    third = -first / V - (A / V + 2.0 * first) * second
    return first - third / 3.0 - first * second, second, third + first * second


@kernel
def votes_into(label, output_weights, scratch):
    """scratch.plus, minus (H,) <- Z_plus and Z_minus of every unit; returns Z.

    From scratch.up, down, the laws of the units' signs, which become those of their votes. Cost 3 H^2.
    """
    up, down, plus, minus = scratch.up, scratch.down, scratch.plus, scratch.minus
    H = up.shape[0]
    for h in range(H):
        if output_weights[h] < 0:
            up[h], down[h] = down[h], up[h]
    for j in range(H + 1):
        scratch.tail[j] = (2 * j >= H) == (label > 0)
    forth_into(up, down, scratch.law)
    back_into(up, down, scratch.law, scratch.tail, plus, minus)
    for h in range(H):
        if plus[h] + minus[h] < SMALLEST:
            plus[h], minus[h] = label > 0, label < 0
        if output_weights[h] < 0:
            plus[h], minus[h] = minus[h], plus[h]
    return scratch.tail[0]


@kernel
def gaussian_units(totals, messages, inputs, n_inputs, scratch):
    """Of one pattern: scratch.means, A and V of the units, and the laws of their signs. Cost H M."""
    for h in range(totals.shape[0]):
        mean, squares = means_into(totals[h], messages[h], inputs, scratch.means[h], scratch.sums)
        mean += 1.0 - n_inputs % 2
        width = max(n_inputs - squares, NARROWEST)
        tail, whole = tail_and_density(mean / math.sqrt(width))
        likely, other = 1.0 - tail / whole, tail / whole
        scratch.centres[h], scratch.widths[h] = mean, width
        scratch.up[h], scratch.down[h] = (likely, other) if mean >= 0.0 else (other, likely)


@kernel
def gaussian_messages(totals, messages, inputs, damping, scratch):
    """Of one pattern, from what `gaussian_units` and `votes_into` left; returns the largest change. Cost H M."""
    for j in range(LANES):
        scratch.changes[j] = 0.0
    for h in range(totals.shape[0]):
        constant, slope, square = coefficients(scratch.centres[h], scratch.widths[h], scratch.plus[h], scratch.minus[h])
        means, changes = scratch.means[h], scratch.changes
        renew(totals[h], messages[h], inputs, means, constant, slope, square, damping, changes)
    return scratch.changes.max()


@kernel
def law_of_inputs(totals, messages, inputs, n_inputs, scratch):
    """scratch.input_up, input_down, input_law <- laws of the terms x_i w_i of a unit and of their sums. Cost N^2."""
    up, down = scratch.input_up, scratch.input_down
    for i in range(n_inputs):
        field = inputs[i] * (totals[i] - messages[i])
        power = exp(-2.0 * abs(field))
        likely, other = 1.0 / (1.0 + power), power / (1.0 + power)
        up[i], down[i] = (likely, other) if field >= 0.0 else (other, likely)
    forth_into(up, down, scratch.input_law)


@kernel
def exact_units(totals, messages, inputs, n_inputs, scratch):
    """Of one pattern: the laws of the units' signs. Cost H N^2."""
    for h in range(totals.shape[0]):
        law_of_inputs(totals[h], messages[h], inputs, n_inputs, scratch)
        scratch.up[h], scratch.down[h] = 0.0, 0.0
        for j in range(n_inputs + 1):
            if 2 * j >= n_inputs:
                scratch.up[h] += scratch.input_law[n_inputs, j]
            else:
                scratch.down[h] += scratch.input_law[n_inputs, j]


@kernel
def exact_messages(totals, messages, inputs, n_inputs, damping, scratch):
    """Of one pattern, from what `exact_units` and `votes_into` left; returns the largest change. Cost 3 H N^2."""
    up, down, tail = scratch.input_up, scratch.input_down, scratch.input_tail
    largest = 0.0
    for h in range(totals.shape[0]):
        law_of_inputs(totals[h], messages[h], inputs, n_inputs, scratch)
        for j in range(n_inputs + 1):
            tail[j] = scratch.plus[h] if 2 * j >= n_inputs else scratch.minus[h]
        back_into(up, down, scratch.input_law, tail, scratch.given_up, scratch.given_down)
        for i in range(n_inputs):
            odds = log(scratch.given_up[i] + TINY) - log(scratch.given_down[i] + TINY)
            new = inputs[i] * min(max(0.5 * odds, -STRONGEST), STRONGEST)
            change = (1.0 - damping) * (new - messages[h, i])
            messages[h, i] += change
            totals[h, i] += change
            largest = max(largest, abs(change))
    return largest


@kernel
def through(x, coupling):
    """atanh(tanh x tanh coupling): the field that a spin with field x exerts through a (perhaps infinite) coupling."""
    if coupling == math.inf:
        return x
    return 0.5 * (log_two_cosh(x + coupling) - log_two_cosh(x - coupling))


@kernel
def focus(weight, n_inputs, rule, totals, fields):
    """Update the external field of one weight, h N + i, under focusing; returns the change of its tanh.

    The new field is that of tanh((y - 1) atanh(m tanh gamma)) tanh gamma, m being the magnetisation without it. fields,
    totals (H, M) are updated.
    """
    h, i = weight // n_inputs, weight % n_inputs
    old = fields[h, i]
    new = through((rule.replicas - 1.0) * through(totals[h, i] - old, rule.coupling), rule.coupling)
    new += rule.damping * (old - new)
    fields[h, i] = new
    totals[h, i] += new - old
    return abs(tanh(new) - tanh(old))


@kernel
def sweep(exact, order, inputs, labels, output_weights, n_inputs, rule, messages, totals, fields, satisfied, scratch):
    """New messages, one pattern after the other; returns the largest change.

    order: int64, p < P for a pattern, P + h N + i for the focusing of weight i of unit h. labels (P,), output_weights
    (H,) int8. messages and totals change, and fields (H, M), the external ones, by focusing. Written: satisfied (P,),
    Z before the pattern's update; with damping 1 and without focusing nothing else changes. Cost H N P, each with an
    exponential and a quotient, or 4 H N^2 P if exact.
    """
    P = messages.shape[0]
    largest = 0.0
    for p in order:
        if p >= P:
            largest = max(largest, focus(p - P, n_inputs, rule, totals, fields))
        elif exact:
            exact_units(totals, messages[p], inputs[p], n_inputs, scratch)
            satisfied[p] = votes_into(labels[p], output_weights, scratch)
            change = exact_messages(totals, messages[p], inputs[p], n_inputs, rule.damping, scratch)
            largest = max(largest, change)
        else:
            gaussian_units(totals, messages[p], inputs[p], n_inputs, scratch)
            satisfied[p] = votes_into(labels[p], output_weights, scratch)
            largest = max(largest, gaussian_messages(totals, messages[p], inputs[p], rule.damping, scratch))
    return largest


@kernel
def bethe(messages, totals, satisfied, n_inputs):
    """Bethe free entropy, ln of the sum over solutions of exp(external fields . weights). Cost H N P.

    sum_p ln Z + sum_i ln 2 cosh(total) + sum over messages of ln cosh(total - message) - ln cosh(total): factors,
    weights, and edges with what the normalisation of the messages adds to the weights.
    """
    result = 0.0
    for p in range(messages.shape[0]):
        result += log(max(satisfied[p], TINY))
    for h in range(totals.shape[0]):
        for i in range(n_inputs):
            here = log_two_cosh(totals[h, i])
            result += here
            for p in range(messages.shape[0]):
                result += log_two_cosh(totals[h, i] - messages[p, h, i]) - here
    return result


@kernel
def pull(reference, distance, totals, fields):
    """Set external fields gamma times reference, such that the mean distance to it is `distance`; returns gamma.

    reference (H, M) float64, 0 where it is padded; the mean distance is that of (1 - reference tanh(total)) / 2. By
    bisection in atanh(1 - 2 distance) +- the largest of the other fields. fields, totals (H, M) change. Cost 60 H N.
    """
    n, largest = 0.0, 0.0
    for h in range(totals.shape[0]):
        for i in range(totals.shape[1]):
            totals[h, i] -= fields[h, i]
            n += abs(reference[h, i])
            largest = max(largest, abs(totals[h, i]))
    free = 0.5 * (log(1.0 - distance) - log(distance))
    low, high = free - largest, free + largest
    for _ in range(60):
        gamma = 0.5 * (low + high)
        overlap = 0.0
        for h in range(totals.shape[0]):
            for i in range(totals.shape[1]):
                overlap += reference[h, i] * tanh(totals[h, i] + gamma * reference[h, i])
        if overlap < (1.0 - 2.0 * distance) * n:
            low = gamma
        else:
            high = gamma
    for h in range(totals.shape[0]):
        for i in range(totals.shape[1]):
            fields[h, i] = gamma * reference[h, i]
            totals[h, i] += fields[h, i]
    return gamma
