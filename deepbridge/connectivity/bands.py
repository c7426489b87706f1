"""AutoNEB: the lowest path between two minima, by a nudged elastic band to which points are added where it is high."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from binland.checks import positive, positive_int, share_kept
from binland.errors import InvalidInputError, shown
from binland.rng import Seed
from deepbridge.common.checkpoints import checked, part
from deepbridge.connectivity.batches import Batches
from deepbridge.connectivity.chains import across, inserted, redistributed, steps_of
from deepbridge.connectivity.descent import Momentum
from deepbridge.connectivity.landscape import Landscape
from deepbridge.connectivity.measured import Sampled, sampled
from deepbridge.connectivity.results import LandscapePath, path_of
from deepbridge.connectivity.run import Job, ends_of, run_job, settings_of
from deepbridge.connectivity.shapes import Polygon

PUBLISHED = ((1000, 0.1),) * 4 + ((2000, 0.1),) * 2 + ((1000, 0.01),) * 4 + ((1000, 0.001),) * 4
BLOCK = 25  # steps between two looks at the checkpoint and the progress bar
MOST_STEPS = 10**9
COUNTS = ("cycle", "step_of_cycle", "steps", "gradients", "evaluations")  # of a band in progress


@dataclass(frozen=True, kw_only=True)
class AutoNEB:
    """Settings of `autoneb`; the defaults are those of Draxler et al.

    Parameters
    ----------
    cycles : sequence of (int, float), optional
        Number of steps and learning rate of each cycle; before each cycle but the first, points are inserted. By
        default 4 x 1000 and 2 x 2000 steps at rate 0.1, 4 x 1000 at 0.01, and 4 x 1000 at 0.001.
    pivots : int, default 3
        Inner points of the chain at the start, evenly spaced on the line between the ends.
    inserted : int, default 2
        Largest number of points that are inserted before a cycle, at the places that stand out most.
    threshold : float, default 0.1
        A point is inserted only where the loss between two points exceeds the line between their losses by more than
        this fraction of the difference of the highest and lowest loss of the points of the chain.
    between : int, default 9
        Points between two neighbours at which losses are measured, for insertions and for the result.
    batch_size : int, default 512
        Patterns in a mini-batch, which all points of the chain share.
    momentum : float, default 0.9
        In [0, 1).
    weight_decay : float, default 1e-4
        Factor of the points that is added to the gradient.
    spring : float, default float("inf")
        Stiffness of springs between neighbours. inf, as published: points are redistributed along the chain at every
        step, so that their distances keep their ratios.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    References
    ----------
    Draxler et al., Essentially No Barriers in Neural Network Energy Landscape, ICML 2018; Henkelman and Jonsson, J.
    Chem. Phys. 113, 9978 (2000).

    Examples
    --------
    >>> import deepbridge as db
    >>> db.connectivity.AutoNEB().scaled(0.1).cycles[0]
    (100, 0.1)
    """

    cycles: Sequence[tuple[int, float]] = PUBLISHED
    pivots: int = 3
    inserted: int = 2
    threshold: float = 0.1
    between: int = 9
    batch_size: int = 512
    momentum: float = 0.9
    weight_decay: float = 1e-4
    spring: float = float("inf")

    def __post_init__(self) -> None:
        object.__setattr__(self, "cycles", _checked_cycles(self.cycles))
        for name in ("pivots", "batch_size"):
            positive_int(name, getattr(self, name))
        for name in ("inserted", "between"):
            positive_int(name, getattr(self, name), minimum=0)
        positive("threshold", self.threshold, zero=True)
        positive("weight_decay", self.weight_decay, zero=True)
        positive("spring", self.spring, infinite=True)
        share_kept("momentum", self.momentum)

    @property
    def n_steps(self) -> int:
        """Steps of all cycles."""
        return sum(steps for steps, _ in self.cycles)

    def scaled(self, factor: float) -> "AutoNEB":
        """The same with another number of steps in every cycle.

        Parameters
        ----------
        factor : float
            What the numbers of steps are multiplied by; at least one step remains.

        Returns
        -------
        AutoNEB
            The new settings.
        """
        positive("factor", factor)
        return replace(self, cycles=tuple((max(1, round(factor * steps)), rate) for steps, rate in self.cycles))


def _checked_cycles(cycles: Any) -> tuple[tuple[int, float], ...]:
    if not isinstance(cycles, Sequence) or isinstance(cycles, str) or not cycles:
        raise InvalidInputError(
            f"cycles={shown(cycles)} is not a list of (steps, learning rate), such as [(1000, 0.1)]"
        )
    made = []
    for one in cycles:
        if not isinstance(one, Sequence) or len(one) != 2:
            raise InvalidInputError(f"cycles: {shown(one)} is not a pair (steps, rate), such as (1000, 0.1)")
        made.append((positive_int("steps of a cycle", one[0]), positive("learning rate of a cycle", one[1])))
    if sum(steps for steps, _ in made) > MOST_STEPS:
        raise InvalidInputError(f"cycles have more than {MOST_STEPS} steps in all; take less")
    return tuple(made)


def autoneb(
    landscape: Landscape,
    start: Any,
    end: Any,
    settings: AutoNEB | None = None,
    seed: Seed = 0,
    *,
    alignment: str | None = None,
    budget: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 300.0,
    progress: bool = True,
) -> LandscapePath:
    """The path between two minima whose highest loss is as low as a nudged elastic band finds it.

    A chain of points begins on the line between the minima. All points but the ends descend along the parts of their
    gradients that are perpendicular to the chain, and are spread along it. Where the loss between two points is far
    above the line between their losses, a point is inserted, and the next cycle begins.

    Parameters
    ----------
    landscape : Landscape
        From `deepbridge.landscape`, or a `Function`.
    start, end : ContinuousSolution, Solution or array_like
        The minima; arrays are flat parameters (n,).
    settings : AutoNEB, optional
        Steps, learning rates and so on; by default the published ones, which are long: 16 000 steps of all points.
    seed : int, SeedSequence or Generator, default 0
        Fixes the mini-batches, and the alignment.
    alignment : {"greedy", "coordinate", "activations"}, optional
        How `end` is aligned to `start` before; None, the default, takes both as they are.
    budget : int, optional
        Largest number of gradients (points times steps). When it is used up, the chain is measured as it is; the same
        call with a larger one goes on from the checkpoint.
    checkpoint : str or pathlib.Path, optional
        File from which the same call goes on after an interruption.
    checkpoint_seconds : float, default 300.0
        How often it is written, in seconds.
    progress : bool, default True
        Whether to show a bar on a terminal or in a notebook.

    Returns
    -------
    LandscapePath
        ``.losses`` and ``.errors`` at all points and between them, ``.highest_loss``, ``.barrier``, ``.pivots``. Its
        ``.history`` has the highest loss before every cycle and at the end.

    Raises
    ------
    InvalidInputError
        If the minima do not fit the landscape, or points become infinite.
    StoreError
        If a checkpoint is damaged or cannot be written.

    Notes
    -----
    All inner points share a mini-batch, so that noise hardly changes the differences of their losses; those of the
    ends are on all data. On a landscape with ``geometry="toroid"`` points are brought back onto the spheres after
    every step, forces are tangent to them, and lines between neighbours are geodesics.

    The published code (PyTorch-AutoNEB) takes a new mini-batch for every point, and at a maximum or minimum of the
    chain gives the larger weight to the step towards the lower neighbour; here it is that towards the higher one, as in
    Henkelman and Jonsson.

    References
    ----------
    Draxler et al., Essentially No Barriers in Neural Network Energy Landscape, ICML 2018, section 3.

    Examples
    --------
    A double well whose minima (-1, 0) and (1, 0) are joined around the hill in between by a path of loss 1:

    >>> import deepbridge as db
    >>> well = db.connectivity.Function(lambda x: (x[0] ** 2 - 1) ** 2 + x[1] ** 2, size=2)
    >>> path = db.connectivity.autoneb(well, [-1, 0], [1, 0], db.connectivity.AutoNEB(cycles=[(50, 0.01)]))
    >>> round(path.highest_loss, 3)
    1.0
    """
    chosen = settings_of(settings, AutoNEB)
    first, last = ends_of(landscape, start, end, alignment, seed)
    band = Band(landscape, first, last, chosen, Batches(landscape.n_patterns, chosen.batch_size, seed, "autoneb"))
    band.budget = None if budget is None else positive_int("budget", budget)
    settled = {"settings": repr(chosen), "seed": str(band.batches.key)}
    run_job(band, landscape, checkpoint, checkpoint_seconds, settled, progress)
    return band.result()


class Band(Job):
    """A band in progress; one unit of work is a block of steps within a cycle, or less at its end.

    points: (K, n), ends included. weights: (K - 1,) distances that neighbours are to have, up to a factor.
    """

    budget: int | None = None
    word = "nudged elastic band"

    def __init__(self, landscape: Landscape, start: Tensor, end: Tensor, settings: AutoNEB, batches: Batches):
        self._landscape, self._settings, self.batches = landscape, settings, batches
        ts = torch.linspace(0, 1, settings.pivots + 2, dtype=torch.float64)
        self.points = landscape.geometry.between(start, end, ts)
        self.weights = torch.ones(settings.pivots + 1, dtype=torch.float64, device=start.device)
        self._momentum = Momentum(settings.momentum)
        self.cycle = self.step_of_cycle = self.steps = 0
        self.gradients = self.evaluations = 0
        self.history: list[float] = []
        self.spent = False
        self._measured: Sampled | None = None
        self._ends = torch.zeros(2, dtype=torch.float64, device=start.device)  # losses of the ends, on all data

    @property
    def epochs(self) -> int:
        """Blocks of all cycles."""
        return sum(-(-steps // BLOCK) for steps, _ in self._settings.cycles)

    @property
    def done(self) -> int:
        """Blocks that are over."""
        before = sum(-(-steps // BLOCK) for steps, _ in self._settings.cycles[: self.cycle])
        return before + self.step_of_cycle // BLOCK

    @property
    def finished(self) -> bool:
        """Whether all cycles are over, or the budget is used up."""
        return self.spent or self.cycle == len(self._settings.cycles)

    def epoch(self) -> None:
        """A block of steps; before the first one of a cycle, points are inserted."""
        steps, rate = self._settings.cycles[self.cycle]
        if len(self.history) == self.cycle:  # not yet begun; a budget may have ended between this and the first step
            self._begin_cycle()
        for _ in range(min(BLOCK, steps - self.step_of_cycle)):
            if self.budget is not None and self.gradients + len(self.points) - 2 > self.budget:
                self.spent = True
                return
            self._step(rate)
        if not self.points.isfinite().all():
            raise InvalidInputError(f"the chain diverged in cycle {self.cycle + 1} at rate {rate:g}; lower its rate")
        if self.step_of_cycle == steps:
            self.cycle, self.step_of_cycle = self.cycle + 1, 0

    def _begin_cycle(self) -> None:
        """Measure the chain and, except before the first cycle, insert points where it is high."""
        values = self._values()
        self.history.append(float(values.train.losses.max()))
        self._ends = torch.from_numpy(values.train.losses[[0, -1]]).to(self.points.device)
        if not self._ends.isfinite().all():
            raise InvalidInputError(f"the losses of the ends are {shown(self._ends.tolist())}; they have to be finite")
        if self.cycle:
            gaps = gaps_to_fill(values, len(self.points), self._settings)
            if gaps:
                places = [torch.tensor([share], dtype=torch.float64) for share in gaps.values()]
                new = [
                    self._landscape.geometry.between(self.points[k], self.points[k + 1], place)[0]
                    for k, place in zip(gaps, places, strict=True)
                ]
                made, self.weights = inserted(self.points, self.weights, gaps)
                for shift, (k, point) in enumerate(zip(gaps, new, strict=True)):
                    made[k + 1 + shift] = point
                self.points = made
        self._momentum.reset()
        self._measured = None

    def _values(self) -> Sampled:
        """Losses on the chain, on the train data."""
        if self._measured is None:
            self._measured = sampled(self._landscape, self._polygon, self._settings.between, test=False)
            self.evaluations += self._measured.evaluations
        return self._measured

    def _step(self, rate: float) -> None:
        """One step of all inner points."""
        geometry, settings, points = self._landscape.geometry, self._settings, self.points
        steps = steps_of(points)
        if settings.spring == float("inf"):
            points = self.points = geometry.onto(redistributed(points, steps, self.weights))
            steps = steps_of(points)
        inner = points[1:-1]
        found, gradients = self._landscape.gradients(inner, self.batches[self.steps])
        losses = torch.cat([self._ends[:1], found.to(self._ends), self._ends[1:]])
        gradients = self._landscape.decayed(inner, gradients, settings.weight_decay)
        force = across(gradients, steps, losses, self._pull(steps))
        self._momentum.step(inner, geometry.along(inner, force), rate)
        if geometry.name != "flat":
            points[1:-1] = geometry.onto(inner)
        self.gradients += len(inner)
        self.steps, self.step_of_cycle = self.steps + 1, self.step_of_cycle + 1
        self._measured = None

    def _pull(self, steps: Tensor) -> Tensor | None:
        """Spring forces towards the next point, (K - 2,); None if the points are redistributed instead."""
        if self._settings.spring == float("inf"):
            return None
        lengths = steps.double().norm(dim=1)
        excess = lengths - self.weights / self.weights.sum() * lengths.sum()
        return self._settings.spring * (excess[1:] - excess[:-1])

    @property
    def _polygon(self) -> Polygon:
        return Polygon(self.points, self._landscape.geometry)

    def result(self) -> LandscapePath:
        """The chain, measured."""
        values = sampled(self._landscape, self._polygon, self._settings.between, test=True)
        return path_of(
            "autoneb", self._landscape, self._polygon, values, gradients=self.gradients, complete=not self.spent,
            evaluations=self.evaluations + values.evaluations,
            history=[*self.history, float(values.train.losses.max())],
        )  # fmt: skip

    def begun(self) -> list[Tensor]:
        """The chain at the start."""
        return [self.points]

    def state(self) -> dict[str, Any]:
        """Everything that changes."""
        names = (*COUNTS, "history")
        tensors = {"points": self.points, "weights": self.weights, "velocity": self._momentum.velocity}
        tensors["ends"] = self._ends
        return {name: getattr(self, name) for name in names} | tensors

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`; raises KeyError, TypeError or ValueError if it does not fit."""
        numbers = {
            name: part(state, name, int) for name in ("cycle", "step_of_cycle", "steps", "gradients", "evaluations")
        }
        if min(numbers.values()) < 0 or numbers["cycle"] > len(self._settings.cycles):
            raise ValueError(f"counts {shown(numbers)}")
        history = [float(one) for one in part(state, "history", list)]
        count = len(state["points"])
        points = checked("points", state["points"], self.points.new_empty(count, self._landscape.size))
        weights = checked("weights", state["weights"], self.weights.new_empty(count - 1), low=0)
        ends = checked("ends", state["ends"], self._ends)
        velocity = state["velocity"]
        if velocity is not None:
            velocity = checked("velocity", velocity, points.new_empty(count - 2, self._landscape.size)).clone()
        for name, value in numbers.items():
            setattr(self, name, value)
        self.history, self._measured, self._ends = history, None, ends.clone()
        self.points, self.weights, self._momentum.velocity = points.clone(), weights.clone(), velocity


def gaps_to_fill(values: Sampled, count: int, settings: AutoNEB) -> dict[int, float]:
    """Steps of the chain that get a new point, in order, with its place in (0, 1): where the loss stands out most."""
    losses = values.train.losses
    ends = losses[values.share == 0]
    size = float(ends.max() - ends.min())
    best: list[tuple[float, int, float]] = []
    for k in range(count - 1):
        here = (values.corner == k) & (values.share > 0)
        if not here.any():
            continue
        shares = values.share[here]
        excess = losses[here] - ((1 - shares) * ends[k] + shares * ends[k + 1])
        top = int(excess.argmax())
        if excess[top] > settings.threshold * size:
            best.append((float(excess[top]), k, float(shares[top])))
    chosen = sorted(best, reverse=True)[: settings.inserted]
    return {k: share for _, k, share in sorted(chosen, key=lambda one: one[1])}
