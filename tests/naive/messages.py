"""Belief propagation by definition and nothing else: messages as arrays (P, H, N), one pattern after the other.

`derivatives` says how Gaussian messages are expanded; `published` are the messages before that expansion, as in
Baldassi et al. (2016) and in public code; `enumerated` sums over all values of the weights.
"""

from itertools import product

import numpy as np
from scipy.special import log_ndtr, ndtr


def satisfied(votes, label):
    """sign(0) = +1."""
    return (votes >= 0) == (label > 0)


def given_units(up, outputs, label):
    """Probability that a pattern is satisfied, and given +1 or -1 of each unit, over all 2^H signs of the units."""
    H = len(up)
    whole, plus, minus = 0.0, np.zeros(H), np.zeros(H)
    for signs in product([1, -1], repeat=H):
        if not satisfied(np.dot(outputs, signs), label):
            continue
        each = np.where(np.array(signs) > 0, up, 1 - up)
        whole += np.prod(each)
        for h in range(H):
            others = np.prod(np.delete(each, h))
            plus[h] += others * (signs[h] > 0)
            minus[h] += others * (signs[h] < 0)
    return whole, plus, minus


def gaussian(means, x, outputs, label):
    """Z and messages (H, N) of one pattern from cavity magnetisations (H, N), x (N,)."""
    n = len(x)
    A, V = means @ x + (n % 2 == 0), np.maximum(np.sum(1 - means**2, axis=1), 1)
    whole, plus, minus = given_units(ndtr(A / np.sqrt(V)), outputs, label)
    rows = [derivatives(m, x, a, v, p, q) for m, a, v, p, q in zip(means, A, V, plus, minus, strict=True)]
    return whole, np.array(rows)


def derivatives(m, x, A, V, plus, minus):
    """Messages to one unit: x (L' + (m^2 - 1/3) L''' - (1 - m^2) L' L'') - m L''."""
    t = A / np.sqrt(V)
    # G / (plus Phi + minus (1 - Phi)), with Phi and 1 - Phi as logarithms
    density = -(t**2) / 2 - np.log(2 * np.pi) / 2
    with np.errstate(divide="ignore"):
        parts = np.logaddexp(np.log(plus) + log_ndtr(t), np.log(minus) + log_ndtr(-t))
    first = (plus - minus) * np.exp(density - parts) / np.sqrt(V)
    second = -first * A / V - first**2
    third = -first / V - second * A / V - 2 * first * second
    return x * (first + (m**2 - 1 / 3) * third - (1 - m**2) * first * second) - m * second


def published(means, x, outputs, label):
    """Gaussian messages of a perceptron with each weight taken out of mean and variance, by two normal tails."""
    (m,) = means
    A, V = m @ x + (len(x) % 2 == 0), np.sum(1 - m**2)
    cavity, width = A - x * m, np.sqrt(np.maximum(V - (1 - m**2), 1e-6))
    difference = log_ndtr(label * (cavity + 1) / width) - log_ndtr(label * (cavity - 1) / width)
    return ndtr(label * A / np.sqrt(V)), (x * label * label * difference / 2)[None]


def enumerated(means, x, outputs, label):
    """Exact Z and messages: sums over all 2^N values of each unit's weights, and over all signs of the units."""
    H, N = means.shape
    values = np.array(list(product([1, -1], repeat=N)))
    positive = values @ x >= 0
    laws = [np.prod(np.where(values > 0, 1 + m, 1 - m) / 2, axis=1) for m in means]
    whole, plus, minus = given_units(np.array([law[positive].sum() for law in laws]), outputs, label)
    messages = np.zeros((H, N))
    for h, i in product(range(H), range(N)):
        factors = np.where(values > 0, 1 + means[h], 1 - means[h]) / 2
        others = np.prod(np.delete(factors, i, axis=1), axis=1)
        weight = others * np.where(positive, plus[h], minus[h])
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = np.log(weight[values[:, i] > 0].sum() / weight[values[:, i] < 0].sum())
        messages[h, i] = np.clip(odds / 2, -20, 20)
    return whole, messages


def sweep(update, order, inputs, labels, outputs, messages, fields, damping=0.0, focusing=None):
    """Messages in place, in an order of patterns p and of P + h N + i, weights with focusing (gamma, y).

    Returns the largest change, Z of every pattern and the strongest field of a weight that was met.
    """
    P, _, N = messages.shape
    change, Z, strongest = 0.0, np.zeros(P), 0.0
    for item in order:
        totals = fields + messages.sum(axis=0)
        cavity = totals - messages[item] if item < P else totals
        strongest = max(strongest, np.max(np.abs(cavity)))
        if item >= P:
            h, i = divmod(item - P, N)
            new = damping * fields[h, i] + (1 - damping) * focused(totals[h, i] - fields[h, i], *focusing)
            change = max(change, abs(np.tanh(new) - np.tanh(fields[h, i])))
            fields[h, i] = new
            continue
        Z[item], new = update(np.tanh(cavity), inputs[item], outputs, labels[item])
        new = damping * messages[item] + (1 - damping) * new
        change = max(change, np.max(np.abs(new - messages[item])))
        messages[item] = new
    return change, Z, strongest


def focused(field, coupling, replicas):
    """The field of tanh((y - 1) atanh(m tanh gamma)) tanh gamma."""
    m = np.tanh(field)
    return np.arctanh(np.tanh((replicas - 1) * np.arctanh(m * np.tanh(coupling))) * np.tanh(coupling))


def bethe(Z, messages, fields):
    """Bethe free entropy from the probabilities of the messages: factors + variables - edges."""
    totals = fields + messages.sum(axis=0)
    probability = lambda field: np.stack([1 / (1 + np.exp(-2 * field)), 1 / (1 + np.exp(2 * field))])  # noqa: E731
    into = probability(messages)  # (2, P, H, N), pattern to weight
    out = probability(totals - messages)  # weight to pattern
    prior = np.stack([np.exp(fields), np.exp(-fields)])
    variables = np.log(np.sum(prior * np.prod(into, axis=1), axis=0))
    edges = np.log(np.sum(into * out, axis=0))
    return np.sum(np.log(Z)) + variables.sum() - edges.sum()


def all_weights(shape):
    """(2^n, H, N) int8."""
    n = shape[0] * shape[1]
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return (2 * bits - 1).astype(np.int8).reshape(-1, *shape)


def solutions(weights, outputs, inputs, labels):
    """Those of the weights (K, H, N) that satisfy all patterns."""
    left = weights
    for x, label in zip(inputs, labels, strict=True):
        votes = np.where(left.astype(np.int16) @ x.astype(np.int16) >= 0, 1, -1) @ np.asarray(outputs)
        left = left[satisfied(votes, label)]
    return left
