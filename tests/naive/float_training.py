"""BinaryNet epoch of a committee machine or perceptron, one pattern and one unit at a time."""

import math

import numpy as np

GROUP = 5  # the order of the float32 additions: within groups of five patterns of the batch, then over groups


def sign(x):
    return np.where(np.asarray(x) >= 0, 1, -1)


def step(latents, weights, inputs, labels, outputs, rule):
    """One mini-batch; latents (H, N) float32 are updated with the gradient at the binary weights (H, N).

    rule: learning_rate, window (of Delta), clip, scale, linear.
    """
    B, N = inputs.shape
    fields = inputs.astype(np.int64) @ weights.astype(np.int64).T  # (B, H)
    signal = np.zeros(B, np.float32)
    for b in range(B):
        if rule["linear"]:
            logit = rule["scale"] * (fields[b, 0] / math.sqrt(N))
        else:
            logit = rule["scale"] * int(np.sum(outputs * sign(fields[b])))
        y = float(labels[b])
        signal[b] = np.float32(y / (1 + math.exp(y * logit)) * rule["scale"] / (math.sqrt(N) * B))
    for h in range(len(latents)):
        total = np.zeros(N, np.float32)
        for first in range(0, B, GROUP):
            part = np.zeros(N, np.float32)
            for b in range(first, min(first + GROUP, B)):
                if rule["linear"] or abs(fields[b, h]) / math.sqrt(N) <= rule["window"]:
                    part = part + signal[b] * inputs[b].astype(np.float32)
            total = total + part
        rate = np.float32(rule["learning_rate"]) * np.float32(outputs[h])
        clip = np.float32(rule["clip"])
        latents[h] = np.minimum(np.maximum(latents[h] + rate * total, -clip), clip)


def couple(latents, pull):
    """Pull replicas (R, H, N) towards their mean."""
    mean = np.zeros_like(latents[0])
    for replica in latents:
        mean = mean + replica
    mean = mean * (np.float32(1) / np.float32(len(latents)))
    for replica in latents:
        replica -= np.float32(pull) * (replica - mean)


def train_epoch(latents, inputs, labels, outputs, order, batch_size, rule, pulls):
    """latents (R, H, N) float32 are updated; inputs (P, N), labels (P,), order (R, P)."""
    for start in range(0, order.shape[1], batch_size):
        weights = sign(latents)
        if pulls[0] > 0:
            couple(latents, pulls[0])
        for r, replica in enumerate(latents):
            batch = order[r, start : start + batch_size]
            step(replica, weights[r], inputs[batch], labels[batch], outputs, rule)
        if pulls[1] > 0:
            couple(latents, pulls[1])
    if pulls[2] > 0:
        couple(latents, pulls[2])
