"""Gibbs sampling on a sphere under linear constraints: rotations in planes of two coordinates."""

import math

from binland.kernels.compiler import kernel

TURN = 2 * math.pi


@kernel
def arcs_into(one, two, first, second, fields, margin, starts, ends):
    """The angles of a rotation of two weights at which a constraint fails: starts, ends (P,) <- arcs; returns how many.

    one, two: weights; they become one cos t - two sin t and two cos t + one sin t. first, second (P,): what pattern mu
    has at their places, over sqrt(N). fields (P,): above the margin at t = 0.

    A field is c + A cos t + B sin t = c + R cos(t - phi), a circle around c = field - A. Where c - R > margin nothing
    fails, else it does in the arc from phi + w to 2 pi + phi - w, R cos w = margin - c. Since t = 0 is allowed, an arc
    lies within 0 to 2 pi. Example: margin 0, a field 1 = 0 + 1 cos t + 0 sin t: phi = 0, w = pi / 2, it fails from
    pi / 2 to 3 pi / 2. Arcs come by increasing start. Cost P, and a few tens of P / sqrt(N) for those that can fail.
    """
    count = 0
    for mu in range(fields.shape[0]):
        along = one * first[mu] + two * second[mu]
        across = one * second[mu] - two * first[mu]
        lowest = margin - fields[mu] + along
        square = along * along + across * across
        if lowest <= 0 and lowest * lowest > square:
            continue
        ratio = min(1.0, max(-1.0, lowest / math.sqrt(square))) if square > 0 else 1.0
        width, phase = math.acos(ratio), math.atan2(across, along)
        start, end = max(phase + width, 0.0), min(TURN + phase - width, TURN)
        place = count
        while place > 0 and starts[place - 1] > start:
            starts[place], ends[place] = starts[place - 1], ends[place - 1]
            place -= 1
        starts[place], ends[place] = start, end
        count += 1
    return count


@kernel
def free_length(starts, ends, count):
    """Total length of the angles from 0 to 2 pi that are in no arc; 0 if rounding has left none."""
    length, reached = 0.0, 0.0
    for k in range(count):
        length += max(0.0, starts[k] - reached)
        reached = max(reached, ends[k])
    return length + TURN - reached


@kernel
def free_angle(starts, ends, count, share):
    """The allowed angle with a given share, 0 to 1, of the allowed length before it."""
    left, reached = share * free_length(starts, ends, count), 0.0
    for k in range(count):
        gap = max(0.0, starts[k] - reached)
        if left < gap:
            break
        left -= gap
        reached = max(reached, ends[k])
    return reached + left


@kernel
def rotate(weights, fields, columns, margin, order, shares, starts, ends):
    """One sweep: rotate the weights of every two places to a uniform one of the angles that are allowed.

    weights (N,) and fields (P,) float64 are changed. columns (N, P): patterns over sqrt(N). order (N,): places, two by
    two; a last one is left out. shares (N // 2,): uniform numbers. starts, ends (P,): scratch. Given all other weights,
    the uniform measure on the sphere is uniform in the angle: a Gibbs step. Cost N P.
    """
    for k in range(order.shape[0] // 2):
        i, j = order[2 * k], order[2 * k + 1]
        one, two, first, second = weights[i], weights[j], columns[i], columns[j]
        count = arcs_into(one, two, first, second, fields, margin, starts, ends)
        angle = free_angle(starts, ends, count, shares[k])
        weights[i] = one * math.cos(angle) - two * math.sin(angle)
        weights[j] = two * math.cos(angle) + one * math.sin(angle)
        for mu in range(fields.shape[0]):
            fields[mu] += (weights[i] - one) * first[mu] + (weights[j] - two) * second[mu]
