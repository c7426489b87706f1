"""Guided orders by definition: every gain a sum over all patterns, every error by evaluating the whole machine."""

from math import ceil

import numpy as np

from tests.naive.machine import count_errors, path_error_counts, sign


def gains(weights, ends, places, outputs, inputs, labels, steepness, window):
    """Gain of flipping each of the places, in units of 1 / 15 of the most urgent pattern's weight, rounded."""
    H, N = weights.shape
    fields = weights.astype(np.int64) @ inputs.astype(np.int64).T
    votes = labels * np.sum(outputs[:, None] * sign(fields), axis=0)
    weight = np.array([1 / (1 + np.exp(steepness * z / np.sqrt(H))) for z in votes])
    urgency = np.floor(1024 * weight / weight.max() + 0.5)
    near = np.round(15 * 1024 * np.exp(-((fields / np.sqrt(N) / window) ** 2) / 2))
    factors = np.floor(urgency * near / 2**20 + 0.5)
    found = []
    for place in places:
        h, i = divmod(place, N)
        found.append(int(np.sum(factors[h] * labels * outputs[h] * ends[h, i] * inputs[:, i])))
    return found


def real_gains(weights, ends, places, outputs, inputs, labels, steepness, window):
    """The same without rounding."""
    H, N = weights.shape
    fields = weights.astype(float) @ inputs.T
    votes = labels * np.sum(outputs[:, None] * sign(fields), axis=0)
    slopes = labels / (1 + np.exp(steepness * votes / np.sqrt(H))) * np.exp(-((fields / np.sqrt(N) / window) ** 2) / 2)
    gradient = outputs[:, None] * (slopes @ inputs)
    return (gradient * ends).reshape(-1)[places], 1 / (1 + np.exp(steepness * votes.min() / np.sqrt(H)))


def order(start, end, outputs, inputs, labels, stages, candidates, forced, gain):
    """gain(weights, places) -> gains. start, end (H, N)."""
    weights = np.array(start, np.int64)
    errors = count_errors(weights, outputs, inputs, labels)
    limit = max(errors, count_errors(end, outputs, inputs, labels))
    left = [int(place) for place in np.flatnonzero(start != end)]
    found, stage, most = [], 0, 4 * ceil(len(left) / stages)
    while left:
        count = min(most, ceil(len(left) / max(1, stages - stage)))
        least, stage = max(1, ceil(forced * count)), stage + 1
        values = dict(zip(left, gain(weights, left), strict=True))
        ranked = sorted(left, key=lambda place: (-values[place], place))[: candidates * count]
        done = []
        for postponing in (True, False):
            for place in ranked:
                if place in done or len(done) >= (count if postponing else least):
                    continue
                weights.reshape(-1)[place] *= -1
                after = count_errors(weights, outputs, inputs, labels)
                if postponing and candidates > 1 and after > limit and after > errors:
                    weights.reshape(-1)[place] *= -1
                else:
                    errors = after
                    done.append(place)
        found += done
        left = [place for place in left if place not in done]
    return found


def lowest_barrier(start, outputs, inputs, labels, orders):
    """Lowest of the highest errors over all the given orders."""
    return min(max(path_error_counts(start, outputs, inputs, labels, flipped)) for flipped in orders)
