"""Which minima are joined how low: the minimum spanning tree of barriers among many minima."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binland.checks import positive_int
from binland.errors import InvalidInputError, shown
from binland.rng import Seed, generator
from binland.summary import Summary
from deepbridge.common.checkpoints import checked, part
from deepbridge.connectivity.bands import AutoNEB, autoneb
from deepbridge.connectivity.curves import Curve, curve
from deepbridge.connectivity.landscape import Landscape
from deepbridge.connectivity.run import Job, minima_of, run_job
from deepbridge.connectivity.stars import line_heights


@dataclass(frozen=True, eq=False, repr=False)
class BarrierTree(Summary):
    """The lowest known connections among minima (`barrier_tree`).

    Attributes
    ----------
    heights : numpy.ndarray of shape (M, M)
        Highest loss on the best known direct path between two minima; the loss of each minimum on the diagonal.
    line_heights : numpy.ndarray of shape (M, M)
        The same on the shortest lines.
    refined : numpy.ndarray of shape (M, M), bool
        Which pairs were joined by the method, not only by a line.
    edges : numpy.ndarray of shape (M - 1, 2), int64
        The tree, lowest edge first.
    gradients : int
        Number of gradients that were computed.
    complete : bool
        Whether all edges of the tree are refined, if a method was given.
    """

    heights: NDArray[np.float64]
    line_heights: NDArray[np.float64]
    refined: NDArray[np.bool_]
    edges: NDArray[np.int64]
    gradients: int
    complete: bool

    _shown = ("n_minima", "highest_loss", "edge_heights", "n_refined", "gradients", "complete")

    @property
    def n_minima(self) -> int:
        """Number of minima M."""
        return len(self.heights)

    @property
    def n_refined(self) -> int:
        """Number of pairs that were joined by the method."""
        return int(np.triu(self.refined, 1).sum())

    @property
    def edge_heights(self) -> NDArray[np.float64]:
        """Highest loss on each edge of the tree, (M - 1,), rising."""
        return self.heights[self.edges[:, 0], self.edges[:, 1]]

    @property
    def highest_loss(self) -> float:
        """The loss that has to be crossed to get from any minimum to any other."""
        return float(self.edge_heights[-1])

    @property
    def minimax(self) -> NDArray[np.float64]:
        """(M, M): the lowest highest loss over all known ways between two minima, over others too.

        For any three minima it is at most the larger of the other two: an ultrametric.
        """
        made = np.full_like(self.heights, np.nan)
        np.fill_diagonal(made, np.diag(self.heights))
        groups = [{k} for k in range(self.n_minima)]
        for (i, j), height in zip(self.edges.tolist(), self.edge_heights, strict=True):
            one, other = (next(group for group in groups if k in group) for k in (i, j))
            rows, columns = np.array(sorted(one)), np.array(sorted(other))
            made[np.ix_(rows, columns)] = height
            made[np.ix_(columns, rows)] = height
            groups = [group for group in groups if group is not one and group is not other] + [one | other]
        return made


def barrier_tree(
    landscape: Landscape,
    minima: Sequence[Any],
    settings: AutoNEB | Curve | None = None,
    seed: Seed = 0,
    *,
    points: int = 25,
    alignment: str | None = None,
    budget: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 300.0,
    progress: bool = True,
) -> BarrierTree:
    """The minimum spanning tree of barriers: every minimum is joined to every other as low as is known.

    It begins with the lines between all pairs. Then the highest edge of the tree that is still a line is replaced by
    the path of a method, which may move the tree to other edges, until all edges of the tree are such paths. Pairs that
    are never on the tree are not joined, so that the number of paths is nearer to M than to M (M - 1) / 2.

    Parameters
    ----------
    landscape : Landscape
        From `deepbridge.landscape`, or a `Function`.
    minima : sequence of ContinuousSolution, Solution or array_like
        Two to 1000 minima; arrays are flat parameters (n,).
    settings : AutoNEB or Curve, optional
        The method that joins pairs; None, the default, leaves it at lines.
    seed : int, SeedSequence or Generator, default 0
        Fixes mini-batches and the alignment.
    points : int, default 25
        Evenly spaced places at which lines are measured, ends included.
    alignment : {"greedy", "coordinate", "activations"}, optional
        How all other minima are aligned to the first one before; None, the default, takes them as they are.
    budget : int, optional
        Largest number of gradients in all.
    checkpoint : str or pathlib.Path, optional
        File from which the same call goes on after an interruption; a path in progress has a second file beside it.
    checkpoint_seconds : float, default 300.0
        How often files are written, in seconds.
    progress : bool, default True
        Whether to show a bar on a terminal or in a notebook.

    Returns
    -------
    BarrierTree
        ``.edges``, ``.heights``, ``.minimax`` and ``.highest_loss``.

    Raises
    ------
    InvalidInputError
        If there are fewer than two minima, or they do not fit the landscape.
    StoreError
        If a checkpoint is damaged or cannot be written.

    Notes
    -----
    Every path is one of many, so that the lowest barriers are below its own. Heights are those at the places at which
    paths are measured, of lines at `points` of them: what is higher in between is not seen.

    References
    ----------
    Draxler et al., Essentially No Barriers in Neural Network Energy Landscape, ICML 2018, section 3.4.

    Examples
    --------
    >>> import deepbridge as db
    >>> wells = db.connectivity.Function(lambda x: (x[0] ** 2 - 1) ** 2 * (x[0] - 2) ** 2, size=1)
    >>> tree = db.connectivity.barrier_tree(wells, [[-1], [1], [2]], points=201)
    >>> tree.edge_heights.round(1).tolist(), tree.minimax.round(1)[0].tolist()
    ([0.4, 4.5], [0.0, 4.5, 4.5])
    """
    if settings is not None and not isinstance(settings, (AutoNEB, Curve)):
        raise InvalidInputError(f"settings={shown(settings)} is not an AutoNEB(...), a Curve(...) or None")
    positive_int("points", points, minimum=2)
    corners = minima_of(landscape, minima, alignment, seed)
    growth = Growth(landscape, corners, settings, int(generator(seed, "barrier_tree").integers(2**63)), points)
    growth.budget = None if budget is None else positive_int("budget", budget)
    file = Path(checkpoint) if isinstance(checkpoint, (str, PathLike)) else None  # others are refused in run_job
    growth.checkpoint = file, checkpoint_seconds
    settled = {"settings": repr(settings), "points": str(points), "seed": str(growth.key)}
    run_job(growth, landscape, checkpoint, 0.0, settled, progress)
    return growth.result()


class Growth(Job):
    """A tree in progress; a unit of work is one path. key: number of the random stream of all paths."""

    word = "tree of barriers"
    budget: int | None = None
    checkpoint: tuple[Path | None, float] = None, 300.0

    def __init__(self, landscape: Landscape, minima: Tensor, settings: AutoNEB | Curve | None, key: int, points: int):
        self._landscape, self._minima, self._settings, self.key = landscape, minima, settings, key
        self.lines, _ = line_heights(landscape, minima, points)
        self.heights, self.refined = self.lines.copy(), np.zeros(self.lines.shape, np.bool_)
        self.gradients, self.spent = 0, False
        self._part: tuple[int, int, Any] | None = None  # pair and path that the budget has cut

    @property
    def epochs(self) -> int:
        """At least as many paths as edges; more where the tree moves."""
        return max(len(self._minima) - 1, self.done + (not self.finished))

    @property
    def done(self) -> int:
        """Paths that were computed."""
        return int(np.triu(self.refined, 1).sum())

    @property
    def finished(self) -> bool:
        """Whether all edges of the tree are paths, or the budget is used up."""
        return self._settings is None or self.spent or self._next() is None

    def _next(self) -> tuple[int, int] | None:
        """The highest edge of the tree that is a line."""
        lines = [(i, j) for i, j in spanning_tree(self.heights).tolist() if not self.refined[i, j]]
        return lines[-1] if lines else None

    def epoch(self) -> None:
        """Join the next pair."""
        pair = self._next()
        assert pair is not None
        left = None if self.budget is None else self.budget - self.gradients
        if left == 0:
            self.spent = True
            return
        path = self._joined(*pair, left)
        i, j = pair
        self.spent = not path.complete
        if self.spent:
            self._part = i, j, path
            return
        lower(self.heights, i, j, path.highest_loss)
        self.gradients += path.gradients
        self.refined[i, j] = self.refined[j, i] = True

    def _joined(self, i: int, j: int, budget: int | None) -> Any:
        """The path of the method between two minima."""
        method: Any = autoneb if isinstance(self._settings, AutoNEB) else curve
        file, seconds = self.checkpoint
        here = None if file is None else file.with_name(f"{file.name}.{i}-{j}")
        seed = np.random.SeedSequence([self.key, i, j])
        options = {"budget": budget, "checkpoint": here, "checkpoint_seconds": seconds, "progress": False}
        ends = (self._minima[k].cpu().numpy() for k in (i, j))
        path = method(self._landscape, *ends, self._settings, seed, **options)
        if here is not None and path.complete:
            with suppress(OSError):
                here.unlink()
        return path

    def result(self) -> BarrierTree:
        """The tree as it is."""
        heights, gradients = self.heights.copy(), self.gradients
        if self._part is not None:
            i, j, path = self._part
            lower(heights, i, j, path.highest_loss)
            gradients += path.gradients
        edges = spanning_tree(heights)
        return BarrierTree(heights, self.lines, self.refined, edges, gradients, not self.spent)

    def begun(self) -> list[Tensor]:
        """The minima."""
        return [self._minima]

    def state(self) -> dict[str, Any]:
        """Everything that changes."""
        arrays = {"heights": torch.from_numpy(self.heights), "refined": torch.from_numpy(self.refined)}
        return arrays | {"gradients": self.gradients}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`; raises KeyError, TypeError or ValueError if it does not fit."""
        gradients = part(state, "gradients", int)
        heights = checked("heights", state["heights"].cpu(), torch.from_numpy(self.heights)).numpy().copy()
        refined = state["refined"].cpu().numpy()
        if refined.shape != self.refined.shape or refined.dtype != np.bool_ or gradients < 0:
            raise ValueError("refined pairs of another shape")
        self.heights, self.refined, self.gradients = heights, refined.copy(), gradients


def lower(heights: NDArray[np.float64], i: int, j: int, height: float) -> None:
    """Put the height of a pair where it is lower than what is known, or where nothing is."""
    heights[i, j] = heights[j, i] = np.fmin(heights[i, j], height)


def spanning_tree(heights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Edges (M - 1, 2) of the minimum spanning tree of a complete graph, lowest first (Kruskal); ties by number."""
    count = len(heights)
    rows, columns = np.triu_indices(count, 1)
    order = np.argsort(heights[rows, columns], kind="stable")
    group, edges = np.arange(count), []
    for i, j in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if group[i] != group[j]:
            group[group == group[j]] = group[i]
            edges.append((i, j))
    return np.array(edges, np.int64)
