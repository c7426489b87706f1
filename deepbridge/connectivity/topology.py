"""Persistence of the losses of samples around a solution, on a graph of the samples (Horoi et al. 2022)."""

from typing import Any, Literal, get_args

import numpy as np

from binland.checks import one_of, positive_int, true_or_false
from binland.errors import InvalidInputError, shown
from deepbridge.connectivity.diffusion import diffusion_potential
from deepbridge.connectivity.distances import Floats, Ints, distance_matrix
from deepbridge.connectivity.graphs import chosen_pairs, nearest_neighbour_graph
from deepbridge.connectivity.persistence import Persistence, graph_persistence
from deepbridge.connectivity.sampling import Samples

Level = Literal["test_losses", "losses", "test_errors", "errors"]
Distance = Literal["potential", "cosine", "euclidean"]

SCALE = 5  # number of the neighbour whose distance is the scale of a point, as in PHATE


def sample_persistence(
    samples: Samples,
    neighbours: int = 20,
    values: Level = "test_losses",
    distance: Distance = "potential",
    *,
    triangles: bool = False,
    published: bool = False,
) -> Persistence:
    """Components and loops of the region around a solution while the level of the loss rises.

    Samples are joined with their nearest neighbours to a graph, whose vertices are there from their losses on. Its
    total persistence says how rugged the region is: Horoi et al. find it smaller around networks that generalise.

    Parameters
    ----------
    samples : Samples
        Result of `jump_and_retrain`.
    neighbours : int, default 20
        Number of neighbours that each sample chooses, below the number of samples.
    values : {"test_losses", "losses", "test_errors", "errors"}, default "test_losses"
        What rises.
    distance : {"potential", "cosine", "euclidean"}, default "potential"
        What near is. "potential": the cosine distance between rows of the diffusion potential, which is that of the
        cosine distances of the parameters, as in `diffusion_potential` with its defaults. "cosine", "euclidean": the
        distance of the parameters.
    triangles : bool, default False
        Whether triangles fill loops, as in `graph_persistence`.
    published : bool, default False
        Whether to compute what the published script does, with its faults, for comparison; see Notes.

    Returns
    -------
    Persistence
        ``.total(dimension)``, ``.diagram(dimension)``, ``.n_components``, ``.n_loops``. Vertices are rows of the
        samples; if `published`, see Notes.

    Raises
    ------
    InvalidInputError
        If there are too few samples, they lack the values, or an argument is not allowed.
    ModuleNotFoundError
        If the package gudhi is not installed.

    Notes
    -----
    The published script (phate_tda_analysis.py) differs in four ways. It joins each sample with the `neighbours`
    farthest ones: it sorts a row of the diffusion potential, which is large between far points, and takes the last. The
    potential is that of the samples without the solution, but the list of losses begins with the solution's, so that
    every sample has the loss of the one before it, and the last loss is not used. The asymmetric potential itself
    serves as a distance. Edges that are chosen from both ends are kept twice, and each second one counts as a loop. All
    of this is done if `published`, in the order of the script: run by run, without the last epoch, since it reads
    epochs 0 to 39 of 40. Vertices are then the numbers of samples in this order, 0 for the first after the solution.

    Samples of one run are often nearer to each other than to those of other runs. If all neighbours of its samples are
    of the same run, the run is a component that stays for ever, and counts up to the largest value: then the total is
    mostly the number of such runs times the square of the range of the values, which is that of the longest jumps.
    ``.total(0, essential="drop")`` leaves them out.

    What the package phate does before, to project samples onto 100 principal components around their mean, is not
    repeated. Nor are its choices of steps, see `diffusion_potential`.

    References
    ----------
    Horoi et al., Exploring the Geometry and Topology of Neural Network Loss Landscapes, IDA 2022 (arXiv:2102.00485),
    sections 3 and 4; github.com/KrishnaswamyLab/NN-LossLandscape-PHATE.

    Examples
    --------
    >>> import deepbridge as db
    >>> bowl = db.connectivity.Function(lambda x: x.square().sum(), size=3)
    >>> samples = db.connectivity.jump_and_retrain(bowl, [1.0, 0, 0], db.connectivity.JumpAndRetrain(epochs=3))
    >>> db.connectivity.sample_persistence(samples, 5, values="losses").total(0) >= 0
    True
    """
    levels = _levels(samples, values, positive_int("neighbours", neighbours))
    one_of("distance", distance, get_args(Distance))
    if true_or_false("published", published):
        if distance != "potential" or triangles:
            raise InvalidInputError('published=True goes with distance="potential" and triangles=False only')
        return _published(samples, levels, neighbours)
    edges = nearest_neighbour_graph(_distances(samples, distance), neighbours)
    return graph_persistence(levels, edges, triangles)


def _levels(samples: Samples, values: str, neighbours: int) -> Any:
    """The values of the samples; raises InvalidInputError if there are none, or too few samples."""
    if not isinstance(samples, Samples):
        raise InvalidInputError(f"samples={shown(samples)} are not those that jump_and_retrain returns")
    found = getattr(samples, one_of("values", values, get_args(Level)))
    if found is None:
        lack = "test data" if values.startswith("test") else "labels"
        raise InvalidInputError(f"values={values!r}: the landscape of the samples has no {lack}; take other values")
    if samples.n_samples <= max(neighbours, SCALE):
        raise InvalidInputError(
            f"neighbours={neighbours} of {samples.n_samples} samples: each needs so many others, and at least {SCALE}"
        )
    return found


def _distances(samples: Samples, distance: str) -> Floats:
    """Distances between all samples, (S, S)."""
    if distance != "potential":
        return distance_matrix(samples.points, distance)
    return distance_matrix(potential_of(samples.points), "cosine")


def potential_of(points: Any) -> Floats:
    """Diffusion potential of the cosine distances of points."""
    return diffusion_potential(distance_matrix(points, "cosine"), SCALE).potential


def _published(samples: Samples, levels: Floats, neighbours: int) -> Persistence:
    """Persistence with the faults of the published script."""
    order = by_run(samples)
    if len(order) - 1 <= max(neighbours, SCALE):
        raise InvalidInputError(f"neighbours={neighbours} of {len(order) - 1} samples in runs: take less")
    chosen = chosen_pairs(potential_of(samples.points[order[1:]]), neighbours, farthest=True)
    shifted = levels[order[:-1]]
    components, loops = graph_persistence(shifted, chosen).pairs
    every = np.concatenate([loops, _repeated(shifted, chosen)])
    return Persistence(shifted, (components, every[np.argsort(shifted[every[:, 0]], kind="stable")]))


def by_run(samples: Samples) -> Ints:
    """Rows of the samples as the script has them: the solution, then run by run, each without its last epoch."""
    order = np.lexsort((samples.epoch, samples.step, samples.direction))
    return order[samples.epoch[order] < samples.epoch.max()]


def _repeated(values: Floats, chosen: Ints) -> Ints:
    """Loops (m, 2) of edges that both ends choose: the vertex with which each appears, and -1."""
    pairs, counts = np.unique(np.sort(chosen, axis=1), axis=0, return_counts=True)
    first, second = pairs[counts > 1].T
    tops = np.where(values[second] >= values[first], second, first)
    return np.stack([tops, np.full(len(tops), -1)], axis=1)
