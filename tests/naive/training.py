"""BinaryNet epoch in exact integers, one pattern and one unit at a time; Python's integers do not overflow."""

import math
from decimal import Decimal, getcontext

import numpy as np

getcontext().prec = 50
FULL = 2**31  # a coupling of 1


def sign(x):
    return np.where(np.asarray(x) >= 0, 1, -1)


def unit_of(clip, step, batch_size, replicas):
    """The finest power of two in which a pattern asks for at most 8191, and sums fit; step: of a whole batch."""
    unit = 2.0**-100
    while True:
        limit, total = math.floor(clip / unit), step / unit + batch_size / 2 + 1
        if step / batch_size / unit <= 8191 and replicas * limit < FULL and limit + total < FULL:
            return unit
        unit *= 2


def as_integers(latents, unit, clip):
    """Nearest units, but a negative latent stays negative; clipped."""
    limit = math.floor(clip / unit)
    found = np.empty(latents.shape, np.int64)
    for place, x in np.ndenumerate(latents):
        n = round(float(x) / unit)
        found[place] = max(-limit, min(limit, -1 if x < 0 and n == 0 else n))
    return found


def signal(label, logit, amplitude):
    """amplitude times the gradient at the logit, rounded to an integer."""
    return int(label) * round(Decimal(amplitude) / (1 + (Decimal(int(label)) * Decimal(logit)).exp()))


def step(latents, weights, inputs, labels, outputs, rule):
    """One mini-batch; latents (H, N) int64, in units, are updated with the gradient at the binary weights (H, N).

    rule: learning_rate, window (of Delta), clip, scale, linear, unit.
    """
    B, N = inputs.shape
    root = math.sqrt(N)
    fields = inputs.astype(np.int64) @ weights.astype(np.int64).T  # (B, H)
    limit = math.floor(rule["clip"] / rule["unit"])
    total = np.zeros(latents.shape, np.int64)
    for b in range(B):
        if rule["linear"]:
            logit = rule["scale"] / root * int(fields[b, 0])
        else:
            logit = rule["scale"] * int(np.sum(outputs * sign(fields[b])))
        amplitude = rule["learning_rate"] * rule["scale"] / (root * B * rule["unit"])
        asked = signal(labels[b], logit, amplitude)
        for h in range(len(latents)):
            if rule["linear"] or abs(fields[b, h]) / root <= rule["window"]:
                total[h] += asked * int(outputs[h]) * inputs[b].astype(np.int64)
    latents[:] = np.clip(latents + total, -limit, limit)


def couple(latents, pull):
    """Pull replicas (R, H, N) towards each other, rounded to the nearest integer, halves up; pull as a fraction."""
    share = math.floor(FULL * pull / len(latents))
    total = latents.sum(axis=0)
    for replica in latents:
        replica[:] = (FULL * replica + share * (total - len(latents) * replica) + FULL // 2) // FULL


def shuffled(uniforms):
    """0, 1, ... in the order that Fisher and Yates make of uniform numbers in [0, 1)."""
    order = list(range(len(uniforms)))
    for t, u in enumerate(uniforms):
        other = t + int(u * (len(order) - t))
        order[t], order[other] = order[other], order[t]
    return np.array(order)


def train_epoch(latents, inputs, labels, outputs, order, batch_size, rule, pulls):
    """latents (R, H, N) int64 are updated; inputs (P, N), labels (P,), order (R, P)."""
    for start in range(0, order.shape[1], batch_size):
        weights = sign(latents)
        if pulls[0] > 0 and len(latents) > 1:
            couple(latents, pulls[0])
        for r, replica in enumerate(latents):
            batch = order[r, start : start + batch_size]
            step(replica, weights[r], inputs[batch], labels[batch], outputs, rule)
        if pulls[1] > 0 and len(latents) > 1:
            couple(latents, pulls[1])
    if pulls[2] > 0 and len(latents) > 1:
        couple(latents, pulls[2])
