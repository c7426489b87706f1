"""Diffusion potentials: how a random walk between neighbouring points sees each of them (PHATE)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr

from binland.checks import is_integer, positive, positive_int
from binland.errors import InvalidInputError, shown
from binland.summary import Summary
from deepbridge.connectivity.distances import Floats, as_distances

Steps = int | Literal["auto"]

LONGEST = 100  # steps of which the entropies are computed
FLOOR = 1e-7  # added to probabilities before the logarithm, as in PHATE


@dataclass(frozen=True, eq=False, repr=False)
class DiffusionPotential(Summary):
    """Diffusion potential of points, and the number of steps after which it is taken (`diffusion_potential`).

    Attributes
    ----------
    potential : numpy.ndarray of shape (n, n)
        -log(probability + 1e-7) that a random walk from point i is at point j after `steps` steps, in nats; not
        symmetric.
    steps : int
        Number of steps t.
    entropies : numpy.ndarray of shape (100,)
        Von Neumann entropy of the walk after 1, 2, ..., 100 steps, in nats.
    """

    potential: Floats
    steps: int
    entropies: Floats

    _shown = ("potential", "steps")


def diffusion_potential(
    distances: ArrayLike, neighbours: int = 5, decay: float = 40.0, steps: Steps = "auto"
) -> DiffusionPotential:
    """Diffusion potential of points between which distances are known, the first half of the method PHATE.

    A random walk goes from point to point with probabilities that fall off with the distance, on a scale that adapts to
    how far apart the points are locally. After t steps its probabilities tell which points belong together, whatever
    the shape of the cloud of points, and their logarithms keep far points apart.

    Parameters
    ----------
    distances : array_like of shape (n, n)
        Symmetric, zero on the diagonal.
    neighbours : int, default 5
        The scale of a point is the distance of this neighbour, 1 to n - 1.
    decay : float, default 40.0
        Exponent alpha of the kernel, above 0; a large one cuts it off sharply.
    steps : int or "auto", default "auto"
        Number of steps t; "auto" takes it at the knee of the entropies from 1 to 100 steps.

    Returns
    -------
    DiffusionPotential
        ``.potential``, ``.steps`` and ``.entropies``.

    Raises
    ------
    InvalidInputError
        If distances are not a symmetric matrix, or there are no more points than neighbours.

    Notes
    -----
    K_ij = (exp(-(d_ij / e_i)^alpha) + exp(-(d_ij / e_j)^alpha)) / 2 with the scales e; the walk P is K with each row
    divided by its sum, and the potential is -log(P^t + 1e-7). A point with so many duplicates that its scale is 0 goes
    to its duplicates only. Between parts that no step connects, the potential is 16.1 after any number of steps.

    The entropies are those of the sizes of the eigenvalues of P to the power t, divided by their sum. The knee is the
    place at which two straight lines, fitted on its left and on its right, miss the curve least, in the sum of absolute
    errors. The package phate takes singular values of P instead, sets affinities below 1e-4 to zero, and counts t from
    0 when it looks for the knee, so that its automatic t is smaller by one or two.

    References
    ----------
    Moon et al., Visualizing structure and transitions in high-dimensional biological data, Nature Biotechnology 37,
    1482 (2019), Methods.

    Examples
    --------
    >>> from deepbridge.connectivity.diffusion import diffusion_potential
    >>> line = [[abs(i - j) for j in range(8)] for i in range(8)]
    >>> result = diffusion_potential(line, neighbours=2, steps=3)
    >>> result.potential.shape, bool(result.potential[0, 7] > result.potential[0, 1])
    ((8, 8), True)
    """
    matrix = as_distances(distances)
    if positive_int("neighbours", neighbours) >= len(matrix):
        raise InvalidInputError(f"neighbours={neighbours} of {len(matrix)} points: each has {len(matrix) - 1} others")
    count = as_steps(steps)
    kernel = _affinities(matrix, neighbours, positive("decay", decay))
    curve = _entropies(kernel)
    number = 1 + _knee(curve) if count == "auto" else count
    walk = np.linalg.matrix_power(kernel / kernel.sum(axis=1, keepdims=True), number)
    return DiffusionPotential(-np.log(walk + FLOOR), number, curve)


def as_steps(steps: object) -> Steps:
    """A number of steps or "auto"; raises InvalidInputError for anything else."""
    if isinstance(steps, str) and steps == "auto":
        return "auto"
    if is_integer(steps):
        return positive_int("steps", steps)
    raise InvalidInputError(f"steps={shown(steps)} is not a number of steps, an integer of at least 1, or 'auto'")


def _affinities(distances: Floats, neighbours: int, decay: float) -> Floats:
    """The kernel K (n, n), symmetric, 1 on the diagonal."""
    scales = np.partition(distances, neighbours, axis=1)[:, neighbours, None]  # the point itself is number 0
    ratios = np.where(distances > 0, np.inf, 0.0)  # the limit of a scale that goes to 0
    np.divide(distances, scales, out=ratios, where=scales > 0)
    with np.errstate(over="ignore"):
        one_way = np.exp(-(ratios**decay))
    return (one_way + one_way.T) / 2


def _entropies(kernel: Floats) -> Floats:
    """Entropies of the eigenvalues of P^t for t from 1 to 100; P and a symmetric matrix have the same ones."""
    roots = np.sqrt(kernel.sum(axis=1))
    spectrum = np.abs(np.linalg.eigvalsh(kernel / np.outer(roots, roots)))
    powers = spectrum ** np.arange(1, LONGEST + 1)[:, None]
    return entr(powers / powers.sum(axis=1, keepdims=True)).sum(axis=1)


def _knee(curve: Floats) -> int:
    """The place at which two straight lines that meet there miss a curve least."""
    inside = range(1, len(curve) - 1)
    return 1 + int(np.argmin([_off_line(curve[: k + 1]) + _off_line(curve[k:]) for k in inside]))


def _off_line(curve: Floats) -> float:
    """Sum of absolute errors of the straight line of least squares."""
    places = np.arange(len(curve)) - (len(curve) - 1) / 2
    rest = curve - curve.mean()
    return float(np.abs(rest - (places @ rest) / (places @ places) * places).sum())
