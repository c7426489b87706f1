"""Errors and losses on lines between continuous networks and on paths with one bend (paper, 3.1.3 and 4.2)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from binland.checks import finite, positive, true_or_false
from binland.errors import InvalidInputError
from binland.geometry import places_on_line, steps_beyond
from binland.results import BentPath
from binland.rng import Seed, generator
from binland.summary import Summary
from deepbridge.common.data import limited
from deepbridge.common.devices import Device, as_device
from deepbridge.connectivity.path import OnPath
from deepbridge.continuous.algorithms import SGD, ContinuousAlgorithm
from deepbridge.continuous.evaluation import Row, restated, scores
from deepbridge.continuous.examples import Data, Examples, as_examples
from deepbridge.continuous.geodesics import Kind, Line, line_between
from deepbridge.continuous.networks import Network
from deepbridge.continuous.normalisation import Rule
from deepbridge.continuous.solutions import ContinuousSolution, check_same
from deepbridge.continuous.training import fit
from deepbridge.continuous.units import State

POINTS = 25  # as Ainsworth et al. 2022 take them
MOST_POINTS = 10**6


@dataclass(frozen=True, eq=False, repr=False)
class ContinuousPath(OnPath, Summary):
    """Errors and losses on a line between two continuous networks (`path`).

    Attributes
    ----------
    ts : numpy.ndarray of shape (T,)
        Places on the line, 0 at the start and 1 at the end.
    error_counts : numpy.ndarray of shape (T,), int64
        Number of wrong labels at each place.
    n_patterns : int
        Number of patterns P.
    losses : numpy.ndarray of shape (T,)
        Mean cross-entropy in nats.
    kind : {"linear", "geodesic"}
        Kind of line.
    length : float
        Euclidean or geodesic length from 0 to 1.
    start, end : ContinuousSolution
        The two networks, normalised for a geodesic.
    test_errors, test_losses : numpy.ndarray of shape (T,), or None
        The same on test data, if they were given.
    """

    kind: Kind
    length: float
    start: ContinuousSolution
    end: ContinuousSolution
    test_errors: NDArray[np.float64] | None = None
    test_losses: NDArray[np.float64] | None = None
    _line: Line = field(default=None, repr=False)  # type: ignore[assignment]

    _shown = ("kind", "length", "n_points", "barrier", "ainsworth", "start", "end")

    def solution(self, t: float) -> ContinuousSolution:
        """The network at a place on the line.

        Parameters
        ----------
        t : float
            Place, 0 at the start and 1 at the end; other numbers are beyond the ends.

        Returns
        -------
        ContinuousSolution
            Its batch-norm statistics are interpolated; `ContinuousSolution.with_statistics` estimates them on data.

        Raises
        ------
        InvalidInputError
            If t is not finite.
        """
        return self.start.at(self._line.at(finite("t", t)))


def path(
    start: ContinuousSolution,
    end: ContinuousSolution,
    data: Data,
    kind: Kind = "geodesic",
    points: int = POINTS,
    *,
    beyond: float = 0.0,
    test: Data | None = None,
    reestimate: bool = True,
    batch_norm: Rule = "all",
    device: Device = "cpu",
) -> ContinuousPath:
    """Errors and losses on a line between two continuous networks, as they are: `align` first to remove permutations.

    Parameters
    ----------
    start, end : ContinuousSolution
        Solutions of the same network.
    data : Dataset, Patterns or tuple
        Train data, or any pair of arrays or tensors (inputs, labels).
    kind : {"geodesic", "linear"}, default "geodesic"
        "geodesic": on the spheres of the normalised networks. "linear": straight between the networks as they are.
    points : int, default 25
        Number of evenly spaced places from 0 to 1, both ends included, at least 2.
    beyond : float, default 0.0
        How far the line goes on at either end in the same steps, as a fraction of it; 0 or more.
    test : Dataset, Patterns or tuple, optional
        Test data, whose errors and losses are computed as well.
    reestimate : bool, default True
        Whether batch-norm statistics are estimated anew on `data` at every place except the ends; else they are
        interpolated.
    batch_norm : {"all", "paper"}, default "all"
        How networks are normalised for a geodesic, as in `normalize`.
    device : str or torch.device, default "cpu"
        Where it is computed.

    Returns
    -------
    ContinuousPath
        ``.ts``, ``.errors``, ``.losses``, ``.barrier`` and three other definitions of a barrier.

    Raises
    ------
    InvalidInputError
        If networks or data do not fit, or there are more than 10^6 places.

    Notes
    -----
    Errors are counted in the type of the solutions. Where two classes agree to the last digits, a pattern may count
    either way.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, sections 3.1.3 and 4.2.

    Examples
    --------
    >>> import deepbridge as db, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> data = rng.normal(size=(60, 10)), rng.integers(3, size=60)
    >>> a, b = db.fit_many(db.MLP(10, (8,), 3), data, db.continuous.SGD(epochs=2), seeds=[0, 1])
    >>> path = db.path(a, db.align(b, to=a).solution, data, points=11)
    >>> path.errors.shape, bool(path.barrier == max(path.errors))
    ((11,), True)
    """
    ts = _places(limited("points", points, MOST_POINTS, minimum=2), positive("beyond", beyond, zero=True))
    line = line_between(start, end, ts.tolist(), kind, batch_norm)
    place, network = as_device(device), start.network
    train = as_examples(network, data).to(place, start.dtype)
    row = Restated(line, network, train) if true_or_false("reestimate", reestimate) else line
    here = scores(network, row, train, place)
    there = None
    if test is not None:
        examples = as_examples(network, test).to(place, start.dtype)
        there = scores(network, row, examples, place), len(examples)
    return ContinuousPath(
        ts, here.errors, len(train), here.losses, kind, line.length, line.a, line.b,
        there and there[0].errors / there[1], there and there[0].losses, line,
    )  # fmt: skip


def _places(points: int, beyond: float) -> NDArray[np.float64]:
    """Places on the line; raises InvalidInputError if there are too many."""
    if points + 2 * steps_beyond(points, beyond) > MOST_POINTS:
        raise InvalidInputError(f"points={points}, beyond={beyond:g} make more than {MOST_POINTS} points; take less")
    return places_on_line(points, beyond)


class Restated(Row):
    """A row of networks with batch-norm statistics estimated on data, except at 0 and 1; each is estimated once."""

    def __init__(self, line: Line, network: Network, examples: Examples):
        self._line, self._network, self._examples = line, network, examples
        self.corners = line.corners
        self._statistics: dict[int, State] = {}

    def __len__(self) -> int:
        return len(self._line)

    def state(self, i: int) -> State:
        """Tensors of network i."""
        state = self._line.state(i)
        if self._line.ts[i] in (0.0, 1.0) or not self._network.has_batch_norm:
            return state
        if i not in self._statistics:
            found = restated(self._network, state, self._examples)
            self._statistics[i] = {name: found[name] for name in found if name not in self._network.parameters}
        return state | self._statistics[i]

    def entrance(self, i: int) -> Tensor | None:
        """As for the line."""
        return self._line.entrance(i)


def barrier(
    start: ContinuousSolution, end: ContinuousSolution, data: Data, kind: Kind = "geodesic", **options: Any
) -> float:
    """The highest train error on a line between two continuous networks, ends included.

    Parameters
    ----------
    start, end : ContinuousSolution
        Solutions of the same network, as they are: `align` first to remove permutations.
    data : Dataset, Patterns or tuple
        Data on which errors are counted.
    kind : {"geodesic", "linear"}, default "geodesic"
        Kind of line, as in `path`.
    **options
        As in `path`.

    Returns
    -------
    float
        ``path(...).barrier``, in [0, 1].

    Raises
    ------
    InvalidInputError
        As `path`.
    """
    return path(start, end, data, kind, **options).barrier


def optimized_path(
    start: ContinuousSolution,
    end: ContinuousSolution,
    data: Data,
    algorithm: ContinuousAlgorithm | None = None,
    seed: Seed = 0,
    kind: Kind = "geodesic",
    points: int = POINTS,
    *,
    device: Device = "cpu",
    **options: Any,
) -> BentPath:
    """Path with one bend between two continuous networks: a training starts in the middle of the line between them.

    The midpoint is trained from there, and two lines lead to it. It is not aligned again.

    Parameters
    ----------
    start, end : ContinuousSolution
        Solutions of the same network, as they are: `align` first to remove permutations.
    data : Dataset, Patterns or tuple
        Train data.
    algorithm : ContinuousAlgorithm, optional
        How the midpoint is trained; `continuous.SGD()` by default, 300 epochs as in the paper.
    seed : int, SeedSequence or Generator, default 0
        Fixes the training.
    kind : {"geodesic", "linear"}, default "geodesic"
        Kind of the lines, as in `path`.
    points : int, default 25
        Places on each of the two lines.
    device : str or torch.device, default "cpu"
        Where it is computed.
    **options
        As in `path`.

    Returns
    -------
    BentPath
        ``.first``, ``.second``, ``.midpoint``, ``.errors``, ``.barrier`` and ``.length``.

    Raises
    ------
    InvalidInputError
        As `path` and `fit`.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 4.2.
    """
    check_same(start, end)
    middle = optimized_midpoint(start, end, data, algorithm, seed, kind, device=device)
    first = path(start, middle, data, kind, points, device=device, **options)
    return BentPath(first, path(middle, end, data, kind, points, device=device, **options), middle)


def optimized_midpoint(
    start: ContinuousSolution,
    end: ContinuousSolution,
    data: Data,
    algorithm: ContinuousAlgorithm | None = None,
    seed: Seed = 0,
    kind: Kind = "geodesic",
    *,
    device: Device = "cpu",
    progress: bool = False,
) -> ContinuousSolution:
    """The midpoint of `optimized_path`: what a training finds that starts in the middle of a line.

    Parameters
    ----------
    start, end, data, algorithm, seed, kind, device
        As in `optimized_path`.
    progress : bool, default False
        Whether to show a bar on a terminal.

    Returns
    -------
    ContinuousSolution
        The trained midpoint.

    Raises
    ------
    InvalidInputError
        As `fit`.
    """
    line = line_between(start, end, (0.5,), kind)
    begin = start.at(line.state(0)).with_statistics(data, device)
    chosen = SGD() if algorithm is None else algorithm
    rng = generator(seed, "optimized_midpoint")
    dtype = str(start.dtype).removeprefix("torch.")
    return fit(start.network, data, chosen, rng, begin, device=device, dtype=dtype, progress=progress)
