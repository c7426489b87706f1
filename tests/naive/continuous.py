"""ReLU networks, geodesics and matchings in plain NumPy; imports nothing from the packages."""

import itertools
import math

import numpy as np
from scipy.optimize import linear_sum_assignment


def outputs(layers, x):
    """layers: [(W, b), ...] of a multi-layer perceptron; x (P, N)."""
    for k, (w, b) in enumerate(layers):
        x = x @ w.T + b
        if k < len(layers) - 1:
            x = np.maximum(x, 0)
    return x


def classes(z):
    """The largest output, the first of equals; of one output 1 where it is not negative, else 0."""
    return (z[:, 0] >= 0).astype(int) if z.shape[1] == 1 else z.argmax(1)


def errors(layers, x, y):
    return int((classes(outputs(layers, x)) != y).sum())


def loss(layers, x, y):
    """Mean cross-entropy in nats, one pattern after the other."""
    total = 0.0
    for z, c in zip(outputs(layers, x), y, strict=True):
        if len(z) == 1:
            total += math.log1p(math.exp(-abs(z[0]))) + max(0.0, z[0] if c == 0 else -z[0])
        else:
            total += z.max() + math.log(np.exp(z - z.max()).sum()) - z[c]
    return total / len(y)


def normalized(layers):
    """Algorithm 1 of the paper, unit by unit."""
    layers = [(w.copy(), b.copy()) for w, b in layers]
    for k in range(len(layers) - 1):
        (w, b), (after, _) = layers[k : k + 2]
        for h in range(len(w)):
            norm = math.sqrt((w[h] ** 2).sum())
            if norm > 0:
                w[h] /= norm
                b[h] /= norm
                after[:, h] *= norm
    w, b = layers[-1]
    norm = math.sqrt((w**2).sum() / len(w))
    layers[-1] = (w / norm, b / norm)
    return layers


def geodesic(v1, v2, x):
    """The paper's formula: n Normalize(v1 + t(x) (v2 - v1)), t(x) = 1 / (1 - cos phi + sin phi / tan(phi x))."""
    n = np.linalg.norm(v1)
    phi = math.acos(np.clip(v1 @ v2 / n**2, -1, 1))
    t = 1 / (1 - math.cos(phi) + math.sin(phi) / math.tan(phi * x))
    v = v1 + t * (v2 - v1)
    return n * v / np.linalg.norm(v)


def slerp(v1, v2, x):
    phi = math.acos(np.clip(v1 @ v2 / (np.linalg.norm(v1) * np.linalg.norm(v2)), -1, 1))
    return (math.sin((1 - x) * phi) * v1 + math.sin(x * phi) * v2) / math.sin(phi)


def on_geodesic(a, b, x):
    """Normalised layers a and b: spheres for every hidden unit and the last layer as one, biases linear."""
    made = []
    for k, ((wa, ba), (wb, bb)) in enumerate(zip(a, b, strict=True)):
        if k < len(a) - 1:
            w = np.array([slerp(u, v, x) for u, v in zip(wa, wb, strict=True)])
        else:
            w = slerp(wa.ravel(), wb.ravel(), x).reshape(wa.shape)
        made.append((w, (1 - x) * ba + x * bb))
    return made


def moved(layers, permutations):
    """Unit permutation[h] at place h, in every hidden layer."""
    layers = [(w.copy(), b.copy()) for w, b in layers]
    for k, p in enumerate(permutations):
        layers[k] = (layers[k][0][p], layers[k][1][p])
        layers[k + 1] = (layers[k + 1][0][:, p], layers[k + 1][1])
    return layers


def square(a, b):
    """Squared distance of all parameters."""
    return sum(((wa - wb) ** 2).sum() + ((ba - bb) ** 2).sum() for (wa, ba), (wb, bb) in zip(a, b, strict=True))


def every_matching(a, b):
    """(squared distance, permutations) of b moved to a in every way."""
    sizes = [len(w) for w, _ in a[:-1]]
    for permutations in itertools.product(*(itertools.permutations(range(n)) for n in sizes)):
        chosen = [np.array(p) for p in permutations]
        yield square(a, moved(b, chosen)), chosen


def weight_matching(a, b, rng):
    """Git Re-Basin, algorithm 1 (Ainsworth et al. 2022): from the identity, layer by layer in random order."""
    sizes = [len(w) for w, _ in a[:-1]]
    found = [np.arange(n) for n in sizes]
    progress = True
    while progress:
        progress = False
        for k in rng.permutation(len(sizes)):
            table = np.zeros((sizes[k], sizes[k]))
            for i in range(sizes[k]):
                for j in range(sizes[k]):
                    before = b[k][0][j] if k == 0 else b[k][0][j][found[k - 1]]
                    after = b[k + 1][0][:, j] if k + 1 == len(sizes) else b[k + 1][0][found[k + 1], j]
                    table[i, j] = a[k][0][i] @ before + a[k][1][i] * b[k][1][j] + a[k + 1][0][:, i] @ after
            rows, columns = linear_sum_assignment(table, maximize=True)
            if table[rows, columns].sum() > table[rows, found[k]].sum() + 1e-12:
                found[k], progress = columns, True
    return found


def greedy_matching(a, b):
    """Algorithm 2 of the paper: from the input, by cosine similarity of incoming weights."""
    b = [(w.copy(), c.copy()) for w, c in b]
    found = []
    for k in range(len(a) - 1):
        unit = [w / np.linalg.norm(w, axis=1, keepdims=True) for w in (a[k][0], b[k][0])]
        _rows, columns = linear_sum_assignment(unit[0] @ unit[1].T, maximize=True)
        found.append(columns)
        b[k] = (b[k][0][columns], b[k][1][columns])
        b[k + 1] = (b[k + 1][0][:, columns], b[k + 1][1])
    return found


def correlation_matching(a, b, x):
    """Layer by layer, by the correlation of the units' outputs on data (Li et al. 2015)."""
    found, sent = [], [x, x]
    for k in range(len(a) - 1):
        sent = [np.maximum(s @ layers[k][0].T + layers[k][1], 0) for s, layers in zip(sent, (a, b), strict=True)]
        n = len(a[k][0])
        table = np.array([[np.corrcoef(sent[0][:, i], sent[1][:, j])[0, 1] for j in range(n)] for i in range(n)])
        found.append(linear_sum_assignment(table, maximize=True)[1])
    return found
