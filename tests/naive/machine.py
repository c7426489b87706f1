"""Committee machine and its path, local energy and matching, by definition and nothing else."""

from fractions import Fraction
from itertools import combinations, permutations, product

import numpy as np


def sign(x):
    return np.where(np.asarray(x) >= 0, 1, -1)


def predict(weights, outputs, inputs):
    """weights (H, N), outputs (H,), inputs (P, N)."""
    hidden = sign(inputs.astype(np.int64) @ weights.astype(np.int64).T)
    return sign(hidden @ np.asarray(outputs, np.int64))


def teacher_labels(teacher, inputs):
    """sign(w_T . x) of every pattern, one product at a time, in exact arithmetic."""
    sums = [sum(Fraction(w) * int(x) for w, x in zip(teacher, pattern, strict=True)) for pattern in inputs]
    return np.array([1 if total >= 0 else -1 for total in sums])


def count_errors(weights, outputs, inputs, labels):
    return int(np.sum(predict(weights, outputs, inputs) != labels))


def path_error_counts(weights, outputs, inputs, labels, flipped):
    """Errors of the start and after every flip, each by evaluating the whole network again."""
    current = np.array(weights, np.int64)
    counts = [count_errors(current, outputs, inputs, labels)]
    for index in flipped:
        current.reshape(-1)[index] *= -1
        counts.append(count_errors(current, outputs, inputs, labels))
    return counts


def expected_errors_count(weights, outputs, inputs, labels, flips):
    """Mean errors over every choice of `flips` weights."""
    choices = combinations(range(weights.size), flips)
    return float(np.mean([path_error_counts(weights, outputs, inputs, labels, chosen)[-1] for chosen in choices]))


def expected_path_errors(start, end, outputs, inputs, labels):
    """Mean errors after k of the flips of a shortest path, k = 0, ..., d, over every choice of k, as fractions."""
    places = np.flatnonzero(start != end)
    means = []
    for k in range(len(places) + 1):
        counts = [path_error_counts(start, outputs, inputs, labels, chosen)[-1] for chosen in combinations(places, k)]
        means.append(Fraction(sum(counts), len(counts)))
    return means


def expected_errors_independent(weights, outputs, inputs, labels, probability):
    """Mean errors when each weight is flipped with the given probability, over all 2^n choices."""
    total = 0.0
    for mask in product([False, True], repeat=weights.size):
        flipped = np.flatnonzero(mask)
        chance = probability ** len(flipped) * (1 - probability) ** (weights.size - len(flipped))
        total += chance * path_error_counts(weights, outputs, inputs, labels, flipped)[-1]
    return total


def plane(latents, outputs, inputs, labels, points, margin):
    """Errors (points, points) of the signs in the plane through three latents (H, N), -1 where a sign is rounding;
    coordinates of columns, rows and corners."""
    first, second, third = (np.array(one, float) for one in latents)
    across = (second - first) / np.sqrt(np.sum((second - first) ** 2))
    along = np.sum((third - first) * across)
    up = third - first - along * across
    up /= np.sqrt(np.sum(up**2))
    corners = np.array([[np.sum((one - first) * axis) for axis in (across, up)] for one in (first, second, third)])
    steps = [-margin + (1 + 2 * margin) * k / (points - 1) for k in range(points)]
    x, y = ([min(side) + step * (max(side) - min(side)) for step in steps] for side in corners.T)
    errors = np.full((points, points), -1)
    for j in range(points):
        for i in range(points):
            here = first + x[i] * across + y[j] * up
            if np.all(np.abs(here) > 1e-9):
                errors[j, i] = count_errors(sign(here), outputs, inputs, labels)
    return errors, x, y, corners


def smallest_distance(moving, moving_outputs, target, target_outputs):
    """Smallest number of differing weights over permutations and signs that bring the output weights into place.

    Signs may be -1 only for odd N, where sign(-x) = -sign(x) on every input.
    """
    H, N = target.shape
    allowed_signs = (1, -1) if N % 2 else (1,)
    best = None
    for permutation in permutations(range(H)):
        for signs in product(allowed_signs, repeat=H):
            places = np.array(permutation)
            if np.any(np.array(signs) * np.asarray(moving_outputs)[places] != target_outputs):
                continue
            distance = int(np.sum(moving[places] * np.array(signs)[:, None] != target))
            best = distance if best is None else min(best, distance)
    return best
