"""Points, graphs and surfaces that the tests of this folder share."""

import numpy as np

PLACES = {"A": (-0.558, 1.442), "B": (0.623, 0.028), "C": (-0.050, 0.467), "AC": (-0.822, 0.624), "BC": (0.212, 0.293)}
HEIGHTS = {"A": -146.700, "B": -108.167, "C": -80.768, "AC": -40.665, "BC": -72.249}


def mueller_brown(x, y):
    """The surface of Mueller and Brown (1979) with its three minima A, B, C and two saddles between them."""
    a, b, c = (-1, -1, -6.5, 0.7), (0, 0, 11, 0.6), (-10, -10, -6.5, 0.7)
    heights, xs, ys = (-200, -100, -170, 15), (1, 0, -0.5, -1), (0, 0.5, 1.5, 1)
    terms = zip(heights, a, b, c, xs, ys, strict=True)
    return sum(h * np.exp(p * (x - u) ** 2 + q * (x - u) * (y - v) + r * (y - v) ** 2) for h, p, q, r, u, v in terms)


def cloud(seed, n=30, d=6):
    """Euclidean distances of random points."""
    points = np.random.default_rng(seed).standard_normal((n, d))
    return np.linalg.norm(points[:, None] - points, axis=2)


def tied(rng, shape, levels=5):
    """Values of which many are equal, or none."""
    return rng.integers(levels, size=shape) / 4 if rng.random() < 0.5 else rng.standard_normal(shape)


def random_graph(rng, n, density):
    """Edges that are there with a probability, in a random order and direction."""
    i, j = np.nonzero(np.triu(rng.random((n, n)) < density, 1))
    edges = np.stack([i, j], axis=1)
    return np.where(rng.random((len(edges), 1)) < 0.5, edges, edges[:, ::-1])[rng.permutation(len(edges))]
