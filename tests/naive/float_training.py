"""BinaryNet in float32, as the paper's own scripts do it: what training in integers is compared with, statistically."""

import math

import numpy as np


def sign(x):
    return np.where(np.asarray(x) >= 0, 1, -1)


def step(latents, inputs, labels, outputs, rule):
    """One mini-batch; latents (H, N) float32 are updated with the gradient at their signs.

    inputs (B, N), labels (B,), outputs (H,); rule: learning_rate, window (of Delta), clip, scale.
    """
    B, N = inputs.shape
    fields = inputs.astype(np.float32) @ sign(latents).astype(np.float32).T / np.float32(math.sqrt(N))  # (B, H)
    logits = rule["scale"] * (sign(fields) @ outputs)
    signals = labels / (1 + np.exp(labels * logits)) * rule["scale"] / (math.sqrt(N) * B)
    passed = np.where(np.abs(fields) <= rule["window"], signals[:, None], 0) * outputs
    latents += np.float32(rule["learning_rate"]) * (passed.astype(np.float32).T @ inputs.astype(np.float32))
    np.clip(latents, -rule["clip"], rule["clip"], out=latents)


def train_epoch(latents, inputs, labels, outputs, order, batch_size, rule, pull):
    """latents (R, H, N) float32 are updated, coupled after every batch; inputs (P, N), labels (P,), order (R, P)."""
    for start in range(0, order.shape[1], batch_size):
        for replica, shuffled in zip(latents, order, strict=True):
            batch = shuffled[start : start + batch_size]
            step(replica, inputs[batch], labels[batch], outputs, rule)
        if pull > 0:
            latents -= np.float32(pull) * (latents - latents.mean(axis=0))
