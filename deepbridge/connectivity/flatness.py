"""Several measures of flatness of the same solutions, side by side."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from binland.errors import InvalidInputError, shown
from binland.rng import Seed, generator
from binland.summary import Summary
from deepbridge.connectivity.curvature import hessian_eigenvalues
from deepbridge.connectivity.fisher import fisher_rao
from deepbridge.connectivity.landscape import Landscape, check_landscape, points_of
from deepbridge.connectivity.sharpness import keskar_sharpness, sam_sharpness
from deepbridge.connectivity.spectra import hessian_trace
from deepbridge.connectivity.volumes import basin_volume

Measure = Callable[[Landscape, Any, Seed], float]
HEIGHTS = ("norm", "loss", "error", "test_loss", "test_error")

MEASURES: dict[str, Measure] = {
    "eigenvalue": lambda landscape, one, seed: hessian_eigenvalues(landscape, one, 1, seed=seed).largest,
    "trace": lambda landscape, one, seed: hessian_trace(landscape, one, seed=seed).value,
    "sam": lambda landscape, one, seed: sam_sharpness(landscape, one, seed=seed),
    "asam": lambda landscape, one, seed: sam_sharpness(landscape, one, rho=0.5, adaptive=True, seed=seed),
    "keskar": lambda landscape, one, seed: keskar_sharpness(landscape, one, seed=seed),
    "volume": lambda landscape, one, seed: basin_volume(landscape, one, seed=seed).typical,
    "fisher_rao": lambda landscape, one, seed: fisher_rao(landscape, one),
}


@dataclass(frozen=True, eq=False, repr=False)
class FlatnessTable(Summary):
    """Measures of flatness of several solutions (`flatness_table`).

    Attributes
    ----------
    columns : dict of str to numpy.ndarray of shape (T,)
        For each solution "norm" (of all parameters), "loss", "error", "test_loss" and "test_error", nan where there are
        no labels or no test data, and each measure by its name.
    seconds : dict of str to numpy.ndarray of shape (T,)
        Time that each measure took.
    """

    columns: dict[str, NDArray[np.float64]]
    seconds: dict[str, NDArray[np.float64]]

    _shown = ("names", "n_solutions")

    @property
    def names(self) -> str:
        """Names of the columns."""
        return ", ".join(self.columns)

    @property
    def n_solutions(self) -> int:
        """Number of solutions T."""
        return len(self.columns["loss"])

    @property
    def records(self) -> Any:
        """The columns as a NumPy record array (T,), from which for instance pandas makes a frame."""
        return np.rec.fromarrays(list(self.columns.values()), dtype=[(name, np.float64) for name in self.columns])


def flatness_table(
    landscape: Landscape,
    solutions: Sequence[Any],
    measures: Sequence[str] | Mapping[str, Measure] = tuple(MEASURES),
    seed: Seed = 0,
) -> FlatnessTable:
    """Compute several measures of flatness of the same solutions, with losses, errors, and the time of each.

    Parameters
    ----------
    landscape : Landscape
        Made by `deepbridge.landscape`; test errors are computed if it has test data.
    solutions : sequence of ContinuousSolution, Solution or array_like of shape (n,)
        The solutions, at least one.
    measures : sequence of str or mapping of str to callable, optional
        By default all of "eigenvalue" (the largest of the Hessian), "trace" (of the Hessian), "sam" (rho = 0.05),
        "asam" (adaptive, rho = 0.5), "keskar" (in percent), "volume" (typical log-volume of the basin), "fisher_rao"
        (squared norm), each with the default settings of its function. Or functions of your own, called with
        landscape, solution and seed, that return a number.
    seed : int, SeedSequence or Generator, default 0
        Fixes what is random; it is the same for all solutions, so that their differences are less noisy.

    Returns
    -------
    FlatnessTable
        ``.columns``, ``.seconds``, ``.records``.

    Raises
    ------
    InvalidInputError
        If a measure is unknown, has the name of another column, or does not exist for the landscape: binary networks
        have no Hessian.

    References
    ----------
    Jiang et al., Fantastic generalization measures and where to find them, ICLR 2020.

    Examples
    --------
    >>> import deepbridge as db
    >>> bowl = db.connectivity.Function(lambda x: x[0] ** 2 + 3 * x[1] ** 2, size=2)
    >>> table = db.connectivity.flatness_table(bowl, [[1.0, 1.0], [0.5, 0.0]], measures=["eigenvalue", "trace"])
    >>> table.columns["trace"].tolist()
    [8.0, 8.0]
    """
    check_landscape(landscape)
    chosen, key = _chosen(measures), int(generator(seed, "flatness_table").integers(2**63))
    if not isinstance(solutions, (list, tuple, np.ndarray)) or not len(solutions):
        raise InvalidInputError(f"solutions={shown(solutions)} is not a list of at least one solution")
    columns, seconds = _heights(landscape, solutions), {}
    for name, measure in chosen.items():
        found = [_timed(measure, landscape, one, key) for one in solutions]
        columns[name], seconds[name] = np.array(found).T
    return FlatnessTable(columns, seconds)


def _chosen(measures: Sequence[str] | Mapping[str, Measure]) -> dict[str, Measure]:
    """Functions by name; raises InvalidInputError if one is unknown."""
    if isinstance(measures, Mapping):
        for name, measure in measures.items():
            if not isinstance(name, str) or name in HEIGHTS or not callable(measure):
                others = ", ".join(HEIGHTS)
                raise InvalidInputError(f"measure {shown(name)}: it is no function, or its name is one of {others}")
        return dict(measures)
    words = [measures] if isinstance(measures, str) else measures
    if not isinstance(words, (list, tuple)):
        raise InvalidInputError(f"measures={shown(measures)} is not a list of names, nor functions by name")
    for word in words:
        if word not in MEASURES:
            raise InvalidInputError(
                f"measure {shown(word)} is not one of {', '.join(MEASURES)}, nor a function by name"
            )
    return {word: MEASURES[word] for word in words}


def _heights(landscape: Landscape, solutions: Sequence[Any]) -> dict[str, NDArray[np.float64]]:
    """Norms, losses and errors."""
    points = points_of(landscape, solutions)
    train, nothing = landscape.values(points), np.full(len(points), np.nan)
    test = landscape.values(points, test=True) if landscape.has_test else None
    return {
        "norm": points.double().norm(dim=1).cpu().numpy(),
        "loss": train.losses,
        "error": nothing if train.errors is None else train.errors,
        "test_loss": nothing if test is None else test.losses,
        "test_error": nothing if test is None or test.errors is None else test.errors,
    }


def _timed(measure: Measure, landscape: Landscape, solution: Any, seed: int) -> tuple[float, float]:
    """A measure and the seconds that it took."""
    began = time.perf_counter()
    value = measure(landscape, solution, seed)
    try:
        return float(value), time.perf_counter() - began
    except (TypeError, ValueError):
        raise InvalidInputError(f"a measure returns {shown(value)}, not a number") from None
