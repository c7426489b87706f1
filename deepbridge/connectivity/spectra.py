"""The trace and the density of eigenvalues of a Hessian, from products with random vectors."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from binland.checks import one_of, positive
from binland.errors import InvalidInputError
from binland.extras import needed_by
from binland.rng import Seed, generator
from binland.summary import Summary
from deepbridge.common.data import limited
from deepbridge.common.devices import seeded
from deepbridge.connectivity.curvature import Hessian, hessian, hessian_eigenvalues
from deepbridge.connectivity.landscape import Landscape

MOST = 10**6
PART = 2**26  # entries of vectors that are multiplied at once


@dataclass(frozen=True, eq=False, repr=False)
class Trace(Summary):
    """An estimate of the trace of a Hessian (`hessian_trace`).

    Attributes
    ----------
    samples : numpy.ndarray of shape (D,)
        Independent unbiased estimates.
    method : {"hutchinson", "hutch++"}
        How they were made.
    products : int
        Number of products with vectors.
    """

    samples: NDArray[np.float64]
    method: str
    products: int

    _shown = ("value", "error", "method", "products")

    @property
    def value(self) -> float:
        """Mean of the estimates."""
        return float(self.samples.mean())

    @property
    def error(self) -> float:
        """Standard error of `value`, from the spread of the estimates."""
        return float(self.samples.std(ddof=1) / np.sqrt(len(self.samples)))


def hessian_trace(
    landscape: Landscape, solution: Any, draws: int = 30, method: str = "hutchinson", seed: Seed = 0
) -> Trace:
    """The trace of the Hessian, the sum of all its eigenvalues, from products with random signs.

    Parameters
    ----------
    landscape : Landscape
        A network's, made by `deepbridge.landscape`, or a `Function`.
    solution : ContinuousSolution or array_like of shape (n,)
        Where the Hessian is taken.
    draws : int, default 30
        Number of products with vectors: at least 2, of "hutch++" at least 6, and rounded down to a multiple of 3.
    method : {"hutchinson", "hutch++"}, default "hutchinson"
        "hutchinson": the mean of v H v over random signs v. "hutch++": a third of the products finds the directions in
        which H is large, in which the trace is then computed exactly; the rest is estimated as before. It has the
        smaller error if a few eigenvalues are much larger than the others.
    seed : int, SeedSequence or Generator, default 0
        Fixes the random signs.

    Returns
    -------
    Trace
        ``.value`` and its standard error ``.error``.

    Raises
    ------
    InvalidInputError
        If an argument is out of range, or there is no Hessian.

    References
    ----------
    Hutchinson, Communications in Statistics 18, 1059 (1989). Meyer et al., Hutch++, SOSA 2021, algorithm 1.

    Examples
    --------
    >>> import deepbridge as db
    >>> bowl = db.connectivity.Function(lambda x: x[0] ** 2 + 3 * x[1] ** 2, size=2)
    >>> db.connectivity.hessian_trace(bowl, [0.0, 0.0], draws=4).value
    8.0
    """
    plain = one_of("method", method, ("hutchinson", "hutch++")) == "hutchinson"
    count = limited("draws", draws, MOST, minimum=2 if plain else 6)
    matrix, rng = hessian(landscape, solution), generator(seed, "trace")
    if plain:
        return Trace(_forms(matrix, rng, count, None), method, count)
    third = count // 3
    basis, _ = torch.linalg.qr(matrix @ _signs(matrix, rng, third))
    inside = float((basis * (matrix @ basis)).sum())
    return Trace(inside + _forms(matrix, rng, third, basis), method, 3 * third)


def _forms(matrix: Hessian, rng: np.random.Generator, count: int, basis: torch.Tensor | None) -> NDArray[np.float64]:
    """v H v for random signs v, without their parts inside of the basis."""
    rows, parts = max(1, PART // matrix.shape[0]), []
    for first in range(0, count, rows):
        vectors = _signs(matrix, rng, min(rows, count - first))
        if basis is not None:
            vectors = vectors - basis @ (basis.T @ vectors)
        parts.append((vectors * (matrix @ vectors)).sum(0))
    return torch.cat(parts).numpy()


def _signs(matrix: Hessian, rng: np.random.Generator, count: int) -> torch.Tensor:
    """Random signs (n, count), float64."""
    return torch.from_numpy(2.0 * rng.integers(2, size=(count, matrix.shape[0])) - 1).T


@dataclass(frozen=True, eq=False, repr=False)
class SpectralDensity(Summary):
    """The density of the eigenvalues of a Hessian (`spectral_density`).

    Attributes
    ----------
    eigenvalues : numpy.ndarray of shape (points,)
        Evenly spaced places, ascending, a little beyond the smallest and the largest eigenvalue.
    density : numpy.ndarray of shape (points,)
        Density there; its integral is 1 up to what is lost at the ends.
    width : float
        Standard deviation of the Gaussians that stand for single eigenvalues, in the unit of the eigenvalues.
    """

    eigenvalues: NDArray[np.float64]
    density: NDArray[np.float64]
    width: float

    _shown = ("eigenvalues", "density", "width")


def spectral_density(
    landscape: Landscape,
    solution: Any,
    draws: int = 1,
    steps: int = 64,
    points: int = 1024,
    kappa: float = 3.0,
    seed: Seed = 0,
) -> SpectralDensity:
    """The density of all eigenvalues of the Hessian, by Lanczos quadrature of the package curvlinops.

    Parameters
    ----------
    landscape : Landscape
        A network's, made by `deepbridge.landscape`, or a `Function`.
    solution : ContinuousSolution or array_like of shape (n,)
        Where the Hessian is taken.
    draws : int, default 1
        Number of random vectors over which the density is a mean.
    steps : int, default 64
        Lanczos steps for each, at least 2 and less than n; more resolve finer.
    points : int, default 1024
        Number of places at which the density is given.
    kappa : float, default 3.0
        Above 1; the larger, the narrower the Gaussians that stand for single eigenvalues.
    seed : int, SeedSequence or Generator, default 0
        Fixes the random vectors.

    Returns
    -------
    SpectralDensity
        ``.eigenvalues`` and ``.density``.

    Raises
    ------
    InvalidInputError
        If an argument is out of range, or there is no Hessian.
    ModuleNotFoundError
        If curvlinops is not installed.

    References
    ----------
    Papyan, Traces of class/cross-class structure pervade deep learning spectra, JMLR 21 (2020), algorithm 2.

    Examples
    --------
    >>> import deepbridge as db, torch
    >>> bowl = db.connectivity.Function(lambda x: (torch.arange(1, 101) * x**2).sum() / 2, size=100)
    >>> found = db.connectivity.spectral_density(bowl, [0.0] * 100, steps=20)
    >>> bool(0.9 < found.density.sum() * (found.eigenvalues[1] - found.eigenvalues[0]) < 1.01)
    True
    """
    with needed_by("spectral_density"), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what it imports
        from curvlinops import lanczos_approximate_spectrum
    matrix, rng = hessian(landscape, solution), generator(seed, "spectrum")
    count, most = limited("draws", draws, MOST), limited("points", points, MOST, minimum=2)
    inner = limited("steps", steps, matrix.shape[0] - 1, minimum=2)
    if (narrow := positive("kappa", kappa)) <= 1:
        raise InvalidInputError(f"kappa={kappa} is not above 1")
    low, high = hessian_eigenvalues(landscape, solution, 2, "both", rng, tolerance=1e-3).values[::-1].tolist()
    if low == high:
        raise InvalidInputError(f"all eigenvalues are {low:g}; there is no density")
    with seeded(int(rng.integers(2**63))), torch.no_grad():
        places, density = lanczos_approximate_spectrum(matrix, inner, most, count, narrow, (low, high))
    half = (float(places[-1]) - float(places[0])) / 2
    width = half * 2 / (inner - 1) / np.sqrt(8 * np.log(narrow))
    return SpectralDensity(places.double().cpu().numpy(), density.double().cpu().numpy(), float(width))
