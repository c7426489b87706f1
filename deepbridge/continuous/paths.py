"""Errors and losses along lines between two networks, and on paths with one bend (paper, sections 3.1.3 and 4.2)."""

import math
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
FRANKLE = 0.02  # error above the ends' that counts as none (Frankle et al. 2020)


@dataclass(frozen=True, eq=False, repr=False)
class ContinuousPath(Summary):
    """Errors and losses at points of a line between two networks.

    ts: (T,) parameters, 0 at the start and 1 at the end. error_counts: (T,) int64 wrong labels. n_patterns: P.
    losses: (T,) mean cross-entropy in nats. test_errors, test_losses: (T,) of test data, if they were given. kind:
    "linear" or "geodesic". length: Euclidean, or geodesic. start, end: the networks, normalised for a geodesic.
    """

    ts: NDArray[np.float64]
    error_counts: NDArray[np.int64]
    n_patterns: int
    losses: NDArray[np.float64]
    kind: Kind
    length: float
    start: ContinuousSolution
    end: ContinuousSolution
    test_errors: NDArray[np.float64] | None = None
    test_losses: NDArray[np.float64] | None = None
    _line: Line = field(default=None, repr=False)  # type: ignore[assignment]

    _shown = ("kind", "length", "n_points", "barrier", "ainsworth", "start", "end")

    @property
    def errors(self) -> NDArray[np.float64]:
        """(T,) train errors, fractions in [0, 1]."""
        return self.error_counts / self.n_patterns

    @property
    def n_points(self) -> int:
        """Number of points T."""
        return len(self.ts)

    @property
    def barrier(self) -> float:
        """The highest train error from 0 to 1, ends included (paper, section 4.2)."""
        return float(self.errors[self._between].max())

    @property
    def ainsworth(self) -> float:
        """Highest loss from 0 to 1 minus the mean of those of the ends, in nats (Git Re-Basin)."""
        return float(self.losses[self._between].max()) - self._ends(self.losses)

    @property
    def entezari(self) -> float:
        """Loss in the middle minus the mean of those of the ends, in nats; nan where the middle is no point."""
        return self._middle(self.losses) - self._ends(self.losses)

    @property
    def frankle(self) -> float:
        """Highest train error from 0 to 1 minus the mean of those of the ends; below 0.02 it counts as none."""
        return self.barrier - self._ends(self.errors)

    @property
    def stable(self) -> bool:
        """Whether there is no barrier as Frankle et al. (2020) see it."""
        return self.frankle < FRANKLE

    def solution(self, t: float) -> ContinuousSolution:
        """The network at t; batch-norm statistics are those in between, see `with_statistics`."""
        return self.start.at(self._line.at(finite("t", t)))

    @property
    def _between(self) -> NDArray[np.bool_]:
        return (self.ts >= 0) & (self.ts <= 1)

    def _ends(self, values: NDArray[Any]) -> float:
        return float(values[self.ts == 0][0] + values[self.ts == 1][0]) / 2

    def _middle(self, values: NDArray[Any]) -> float:
        here = values[self.ts == 0.5]
        return float(here[0]) if len(here) else math.nan


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
    """Errors and losses on a line between two networks, which are not aligned here: see `align`.

    kind: "linear" between the networks as they are, or "geodesic" between the normalised ones. points: evenly spaced
    from 0 to 1, ends included. beyond: how far the line goes on at both sides, as a fraction of it, in the same steps.
    test: data whose errors are given too. reestimate: whether batch-norm statistics are estimated anew on `data` at
    every point but the ends, else they are interpolated. Errors are counted with numbers of the solutions' type: at a
    point inside, an output that two classes share to its last digits may count either way.
    Raises InvalidInputError if networks or data do not fit.
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
    """Of the points of a line; raises InvalidInputError if they are too many."""
    if points + 2 * steps_beyond(points, beyond) > MOST_POINTS:
        raise InvalidInputError(f"points={points}, beyond={beyond:g} make more than {MOST_POINTS} points; take less")
    return places_on_line(points, beyond)


class Restated(Row):
    """A row whose networks have batch-norm statistics of the data, but for those at 0 and 1; each is made once."""

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
        """As of the line."""
        return self._line.entrance(i)


def barrier(
    start: ContinuousSolution, end: ContinuousSolution, data: Data, kind: Kind = "geodesic", **options: Any
) -> float:
    """The highest train error on a line, `path(...).barrier`; options as there."""
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
    """Path with one bend: the middle of the line starts a training, and two lines lead to what it ends at.

    algorithm: of that training, `continuous.SGD()` by default (paper, section 4.2: 300 epochs). Align the ends first;
    the midpoint, which begins between them, is not aligned again. options: of `path`. The result has first, second
    (paths), midpoint, errors, barrier and length. Raises InvalidInputError as `path` and `fit` do.
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
    """The solution that a training finds from the middle of a line; see `optimized_path`."""
    line = line_between(start, end, (0.5,), kind)
    begin = start.at(line.state(0)).with_statistics(data, device)
    chosen = SGD() if algorithm is None else algorithm
    rng = generator(seed, "optimized_midpoint")
    dtype = str(start.dtype).removeprefix("torch.")
    return fit(start.network, data, chosen, rng, begin, device=device, dtype=dtype, progress=progress)
