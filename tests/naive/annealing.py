"""Simulated annealing by definition: energies from scratch, acceptance from ratios of the ensemble's weights."""

import numpy as np

from tests.naive.machine import count_errors, sign


def lacking(total, label, size, margin):
    """How many steps of 2 a sum of signs is short of a margin, in units of sqrt(size), on the side of its label."""
    lack = 0
    while 2 * lack + 1 < margin * np.sqrt(size):
        lack += 1
    steps = 0
    while sign(total + 2 * label * (steps - lack)) != label:
        steps += 1
    return steps


def energy(weights, outputs, inputs, labels, kind, margin):
    """Errors, or the steps that all patterns lack; weights (H, N)."""
    if kind == "errors":
        return count_errors(weights, outputs, inputs, labels)
    H, N = weights.shape
    fields = inputs.astype(int) @ weights.astype(int).T
    if H == 1:
        totals, labels, size = fields[:, 0], labels * outputs[0], N
    else:
        totals, size = sign(fields) @ outputs, H
    return sum(lacking(int(total), int(label), size, margin) for total, label in zip(totals, labels, strict=True))


def log_weight(replicas, outputs, inputs, labels, kind, margin, beta, gamma):
    """ln of exp(-beta sum_a E(w_a)) prod_i 2 cosh(gamma sum_a w_a,i); beta is per unit of the counted energy."""
    energies = [energy(weights, outputs, inputs, labels, kind, margin) for weights in replicas]
    return -beta * sum(energies) + np.sum(np.log(2 * np.cosh(gamma * replicas.sum(axis=0)))), energies


def anneal(replicas, outputs, inputs, labels, kind, margin, places, thresholds, betas, gammas):
    """Yield replicas (R, H, N) and their energies after each try; one place, threshold, beta and gamma for each."""
    current = np.array(replicas, int)
    for place, threshold, beta, gamma in zip(places, thresholds, betas, gammas, strict=True):
        data = outputs, inputs, labels, kind, margin, beta, gamma
        before, energies = log_weight(current, *data)
        current.reshape(-1)[place] *= -1
        after, new = log_weight(current, *data)
        if before - after <= threshold:
            energies = new
        else:
            current.reshape(-1)[place] *= -1
        yield current.copy(), energies
