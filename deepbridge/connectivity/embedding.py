"""Pictures of points: places in few dimensions whose distances are as near as possible to given ones."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist, squareform
from sklearn.manifold import smacof

from binland.checks import one_of, positive, positive_int
from binland.errors import InvalidInputError
from binland.extras import needed_by
from binland.rng import Seed, generator
from binland.summary import Summary
from deepbridge.connectivity.diffusion import Steps, as_steps, diffusion_potential
from deepbridge.connectivity.distances import METRICS, Floats, as_distances, distance_matrix

Method = Literal["potential", "phate", "metric"]

METHODS = ("potential", "phate", "metric")
ITERATIONS = 1000  # of SMACOF, at most
TOLERANCE = 1e-6  # of its stress
ALIKE = 1e-6  # relative difference of coordinates that counts as rounding


@dataclass(frozen=True, eq=False, repr=False)
class Embedding(Summary):
    """Places of points in a picture (`embed`).

    Attributes
    ----------
    coordinates : numpy.ndarray of shape (n, dimensions)
        Places around 0, in the unit of `distances`; the first axis is the widest. The farthest point of each axis is on
        its positive side.
    distances : numpy.ndarray of shape (n, n)
        The distances that the picture shows: those given ("metric"), or those between rows of the potential.
    method : {"potential", "phate", "metric"}
        How it was made.
    potential : numpy.ndarray of shape (n, n), or None
        Diffusion potential; None for "metric".
    steps : int, or None
        Number of steps of the diffusion; None for "metric".
    """

    coordinates: Floats
    distances: Floats
    method: Method
    potential: Floats | None = None
    steps: int | None = None

    _shown = ("coordinates", "method", "stress", "steps")

    @property
    def stress(self) -> float:
        """Kruskal's stress-1: root of sum (picture - given)^2 / sum picture^2 over all pairs; 0 if all are alike."""
        lengths = pdist(self.coordinates)
        squares = ((lengths - squareform(self.distances)) ** 2).sum()
        return float(np.sqrt(squares / (lengths**2).sum())) if squares else 0.0


def embed(
    distances: ArrayLike,
    dimensions: int = 2,
    method: Method = "potential",
    seed: Seed = 0,
    *,
    neighbours: int = 5,
    decay: float = 40.0,
    steps: Steps = "auto",
    metric: str = "euclidean",
) -> Embedding:
    """A picture of points between which distances are known.

    Parameters
    ----------
    distances : array_like of shape (n, n)
        Symmetric, zero on the diagonal, of at least two points.
    dimensions : int, default 2
        Number of coordinates, below n.
    method : {"potential", "phate", "metric"}, default "potential"
        What the picture shows. "potential": distances between the rows of `diffusion_potential`, which follow the shape
        of the cloud of points. "phate": the same by the package phate, an extra of its own. "metric": the distances as
        they are.
    seed : int, SeedSequence or Generator, default 0
        Of the package phate; the other two methods draw nothing.
    neighbours, decay, steps
        As in `diffusion_potential`.
    metric : {"euclidean", "cosine"}, default "euclidean"
        Distance between rows of the potential; not used by "metric".

    Returns
    -------
    Embedding
        ``.coordinates``, ``.distances`` and ``.stress``.

    Raises
    ------
    InvalidInputError
        If distances are not a symmetric matrix, or there are too few points.
    ModuleNotFoundError
        If the package phate is asked for and not installed.

    Notes
    -----
    Places are those of classical multidimensional scaling, improved by SMACOF until its stress is steady; a minimum of
    the stress, not always the lowest. They are turned to their principal axes. The package phate returns places without
    a unit; they are multiplied by the factor with the least stress.

    References
    ----------
    Moon et al., Visualizing structure and transitions in high-dimensional biological data, Nature Biotechnology 37,
    1482 (2019), Methods. Kruskal, Psychometrika 29, 1 (1964).

    Examples
    --------
    >>> from deepbridge.connectivity.embedding import embed
    >>> line = [[0, 1, 3], [1, 0, 2], [3, 2, 0]]
    >>> picture = embed(line, dimensions=1, method="metric")
    >>> picture.coordinates.ravel().round(3).tolist(), round(picture.stress, 6)
    ([-1.333, -0.333, 1.667], 0.0)
    """
    matrix = as_distances(distances)
    one_of("method", method, METHODS)
    one_of("metric", metric, METRICS)
    if positive_int("dimensions", dimensions) >= len(matrix):
        raise InvalidInputError(f"dimensions={dimensions} of {len(matrix)} points: they span at most {len(matrix) - 1}")
    if method == "metric":
        return Embedding(_on_axes(_metric_scaling(matrix, dimensions)), matrix, method)
    if method == "phate":
        return _phate(matrix, dimensions, seed, neighbours, decay, steps, metric)
    diffusion = diffusion_potential(matrix, neighbours, decay, steps)
    targets = distance_matrix(diffusion.potential, metric)
    return Embedding(
        _on_axes(_metric_scaling(targets, dimensions)), targets, method, diffusion.potential, diffusion.steps
    )


def _metric_scaling(distances: Floats, dimensions: int) -> Floats:
    """Metric multidimensional scaling by SMACOF, from the classical one."""
    unit = distances.mean()
    if unit == 0:
        return np.zeros((len(distances), dimensions))
    start = _classical(distances / unit, dimensions)
    places, _ = smacof(
        distances / unit, n_components=dimensions, init=start, n_init=1, max_iter=ITERATIONS, eps=TOLERANCE,
        normalized_stress=False,
    )  # fmt: skip
    return unit * places


def _classical(distances: Floats, dimensions: int) -> Floats:
    """Classical multidimensional scaling: principal axes of the products that belong to squared distances."""
    squares = distances**2
    means = squares.mean(axis=0)
    values, vectors = np.linalg.eigh((means[:, None] + means - squares - squares.mean()) / 2)
    tops = values[: -dimensions - 1 : -1]
    return vectors[:, : -dimensions - 1 : -1] * np.sqrt(np.where(tops > len(squares) * 1e-15 * tops[0], tops, 0))


def _on_axes(places: Floats) -> Floats:
    """Places around 0 on their principal axes, the farthest point of each axis on its positive side.

    Of points that are equally far but for rounding, the first decides.
    """
    around = places - places.mean(axis=0)
    principal = around @ np.linalg.svd(around, full_matrices=False)[2].T
    sizes = np.abs(principal)
    ends = np.argmax(sizes >= (1 - ALIKE) * sizes.max(axis=0), axis=0)
    return principal * np.where(np.take_along_axis(principal, ends[None], axis=0) < 0, -1, 1)


def _phate(
    distances: Floats, dimensions: int, seed: Seed, neighbours: int, decay: float, steps: Steps, metric: str
) -> Embedding:
    """The picture of the package phate, with SMACOF, as in its paper."""
    with needed_by("embed with method='phate'", "phate"):
        from phate import PHATE
    if positive_int("neighbours", neighbours) + 2 > len(distances):
        raise InvalidInputError(f"neighbours={neighbours} of {len(distances)} points: phate needs two points more")
    operator = PHATE(
        n_components=dimensions, knn=neighbours, decay=positive("decay", decay), t=as_steps(steps), n_landmark=None,
        knn_dist="precomputed_distance", mds_dist=metric, mds_solver="smacof",
        random_state=int(generator(seed, "embed").integers(2**31)), verbose=0,
    )  # fmt: skip
    places = _on_axes(operator.fit_transform(distances))
    potential = np.asarray(operator.diff_potential)
    targets = distance_matrix(potential, metric)
    lengths = squareform(pdist(places))
    factor = (lengths * targets).sum() / (lengths**2).sum()
    return Embedding(
        factor * places, targets, "phate", potential, int(operator.optimal_t if steps == "auto" else steps)
    )
