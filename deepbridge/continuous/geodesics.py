"""The toroid: one sphere for each hidden unit and one for the last layer; distances and lines (section 3.1.3)."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binland.checks import finite, one_of
from deepbridge.connectivity.geometry import perpendicular
from deepbridge.continuous.evaluation import Row
from deepbridge.continuous.networks import Network
from deepbridge.continuous.normalisation import Rule, normalize
from deepbridge.continuous.solutions import ContinuousSolution, check_same
from deepbridge.continuous.units import STATISTICS, State

Kind = Literal["linear", "geodesic"]
NEAR = 1e-7  # angles below which a geodesic is a straight line, and above pi minus which its direction is arbitrary


class Sphere(NamedTuple):
    """Tensors whose rows, joined, lie on spheres, one for each of `units` units."""

    tensors: tuple[str, ...]
    units: int


def spheres(network: Network) -> list[Sphere]:
    """Spheres of the hidden units, and of the last layer, whose weights are one vector."""
    units = network.units
    made = []
    for one in units.rescalings:
        weights = tuple(place.tensor for place in one.grows if place.tensor in units.writers[one.units])
        if weights:
            made.append(Sphere(weights, units.sizes[one.units]))
    return made + ([Sphere((f"{network.last_layer}.weight",), 1)] if network.last_layer else [])


def vectors(sphere: Sphere, state: State) -> Tensor:
    """The rows of a sphere's tensors, joined: (units, n)."""
    rows = [state[name].reshape(sphere.units, -1) for name in sphere.tensors]
    return rows[0] if len(rows) == 1 else torch.cat(rows, 1)


class Arc:
    """Great circles between vectors (count, n) of equal norms; a straight line where one is zero, or n is 1.

    angles: (count,) in [0, pi]. radii: (count,). straight: (count,), True where a straight line is taken.
    """

    def __init__(self, a: Tensor, b: Tensor):
        self._a, self._b = a, b
        a, b = a.double(), b.double()
        lengths = a.norm(dim=1), b.norm(dim=1)
        gone = (lengths[0] == 0) | (lengths[1] == 0) | (a.shape[1] == 1)
        u, v = (x / torch.where(n == 0, torch.ones_like(n), n)[:, None] for x, n in zip((a, b), lengths, strict=True))
        angles = 2 * torch.atan2((u - v).norm(dim=1), (u + v).norm(dim=1))  # exact near 0, where arccos is not
        self.angles = torch.where(gone, torch.zeros_like(angles), angles)
        self.radii = (lengths[0] + lengths[1]) / 2
        self.straight = gone | (self.angles < NEAR)
        self.opposite = ~self.straight & (self.angles > math.pi - NEAR)

    @property
    def lengths(self) -> Tensor:
        """Lengths, (count,): radius times angle, or the length of the straight line."""
        straight = (self._a.double() - self._b.double()).norm(dim=1)
        return torch.where(self.straight, straight, self.radii * self.angles)

    def shares(self, t: float) -> Tensor:
        """Coefficients (2, count) of the two ends in the point at t; not valid for opposite ends."""
        sines = torch.where(self.straight | self.opposite, torch.ones_like(self.angles), self.angles.sin())
        first, second = ((1 - t) * self.angles).sin() / sines, (t * self.angles).sin() / sines
        return torch.stack(
            [torch.where(self.straight, torch.full_like(first, 1 - t), first),
             torch.where(self.straight, torch.full_like(second, t), second)]
        )  # fmt: skip

    def at(self, t: float) -> Tensor:
        """The points at t, (count, n), at constant speed; t may be outside [0, 1]."""
        if t in (0.0, 1.0):
            return self._b if t else self._a
        first, second = self.shares(t)[:, :, None].to(self._a.dtype)
        point = torch.addcmul(first * self._a, second, self._b)
        if self.opposite.any():
            point[self.opposite] = self._around(t)
        return point

    def _around(self, t: float) -> Tensor:
        """Points between opposite vectors, where all half circles are as short: through the axis farthest from both.

        The choice is the same in both directions.
        """
        a, b = self._a[self.opposite], self._b[self.opposite]
        return math.cos(math.pi * t) * (a - b) / 2 + math.sin(math.pi * t) * perpendicular(a)


class Line(Row):
    """Networks on the line through two others at parameters t; the ends are exactly the two.

    kind: "linear", or "geodesic", for which both have to be normalised.
    """

    def __init__(self, a: ContinuousSolution, b: ContinuousSolution, ts: Sequence[float], kind: Kind):
        self.a, self.b, self.ts, self.kind = a, b, [float(t) for t in ts], kind
        self.corners = (a.state, b.state)
        self._spheres = spheres(a.network) if kind == "geodesic" else []
        self._on_spheres = {name for sphere in self._spheres for name in sphere.tensors}
        self._arcs = [Arc(vectors(s, a.state), vectors(s, b.state)) for s in self._spheres]

    def __len__(self) -> int:
        return len(self.ts)

    def state(self, i: int) -> State:
        """Tensors at t_i: along arcs on spheres, else along straight lines; integer counters are those of the first."""
        return self.at(self.ts[i])

    def at(self, t: float) -> State:
        """Tensors at t."""
        state = {name: self._straight(name, t) for name in self.a.state}
        for sphere, arc in zip(self._spheres, self._arcs, strict=True):
            write(sphere, state, arc.at(t))
        return state

    def _straight(self, name: str, t: float) -> Tensor:
        a, b = self.a.state[name], self.b.state[name]
        if name.endswith(STATISTICS):
            t = min(max(t, 0.0), 1.0)  # beyond the ends a variance could be negative
        if t == 0 or name in self._on_spheres or not a.is_floating_point():
            return a
        return b if t == 1 else torch.lerp(a, b, t)

    def entrance(self, i: int) -> Tensor | None:
        """Coefficients (2, H) of the ends in the first layer's rows; None if they are not a sum of the ends."""
        first = self._entrance
        t = self.ts[i]
        if first not in self._on_spheres:
            return torch.tensor([[1 - t], [t]], dtype=torch.float64)
        k = next(k for k, sphere in enumerate(self._spheres) if first in sphere.tensors)
        if len(self._spheres[k].tensors) > 1 or self._arcs[k].opposite.any():
            return None
        return self._arcs[k].shares(t)

    @cached_property
    def _entrance(self) -> str:
        return f"{self.a.network.entrance}.weight"

    @property
    def unit_lengths(self) -> dict[str, NDArray[np.float64]]:
        """Lengths of the arcs of the units, by name of the weight."""
        return {sphere.tensors[0]: arc.lengths.numpy() for sphere, arc in zip(self._spheres, self._arcs, strict=True)}

    @property
    def length(self) -> float:
        """Length from 0 to 1, Euclidean or geodesic."""
        if self.kind == "linear":
            return euclidean(self.a, self.b)
        return math.sqrt(sum(float((lengths**2).sum()) for lengths in self.unit_lengths.values()))


def write(sphere: Sphere, state: State, rows: Tensor) -> None:
    """The inverse of `vectors`: write rows into the tensors of a state."""
    begin = 0
    for name in sphere.tensors:
        before = state[name]
        width = before.numel() // sphere.units
        state[name] = rows[:, begin : begin + width].reshape(before.shape).to(before.dtype)
        begin += width


def distance(a: ContinuousSolution, b: ContinuousSolution, batch_norm: Rule = "all") -> float:
    """Geodesic distance between two continuous networks, normalised but not aligned.

    Parameters
    ----------
    a, b : ContinuousSolution
        Solutions of the same network; `align` first to remove permutations.
    batch_norm : {"all", "paper"}, default "all"
        How they are normalised, as in `normalize`.

    Returns
    -------
    float
        sqrt(sum over hidden units, and over the last layer as one, of (radius * angle)^2). Biases and batch-norm
        parameters do not count.

    Raises
    ------
    InvalidInputError
        If the networks differ.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.1.3.
    """
    return line_between(a, b, (), "geodesic", batch_norm).length


def unit_distances(
    a: ContinuousSolution, b: ContinuousSolution, batch_norm: Rule = "all"
) -> dict[str, NDArray[np.float64]]:
    """Geodesic distances of single hidden units between two continuous networks.

    Parameters
    ----------
    a, b : ContinuousSolution
        Solutions of the same network; `align` first to remove permutations.
    batch_norm : {"all", "paper"}, default "all"
        How they are normalised, as in `normalize`.

    Returns
    -------
    dict of str to numpy.ndarray
        By name of the weight: (H,) distances of its units, (1,) for the last layer. The root of the sum of all squares
        is `distance`.

    Raises
    ------
    InvalidInputError
        If the networks differ.

    Examples
    --------
    >>> import deepbridge as db
    >>> network = db.MLP(10, (8,), 3)
    >>> a, b = (db.ContinuousSolution(network, network.initial(seed)) for seed in (0, 1))
    >>> {name: lengths.shape for name, lengths in db.unit_distances(a, b).items()}
    {'1.weight': (8,), '3.weight': (1,)}
    """
    return line_between(a, b, (), "geodesic", batch_norm).unit_lengths


def euclidean(a: ContinuousSolution, b: ContinuousSolution) -> float:
    """Euclidean distance of all parameters of two continuous networks, as they are.

    Parameters
    ----------
    a, b : ContinuousSolution
        Solutions of the same network.

    Returns
    -------
    float
        Norm of the difference.

    Raises
    ------
    InvalidInputError
        If the networks differ.

    Examples
    --------
    >>> import deepbridge as db
    >>> from deepbridge.continuous.geodesics import euclidean
    >>> network = db.MLP(10, (8,), 3)
    >>> a, b = (db.ContinuousSolution(network, network.initial(seed)) for seed in (0, 1))
    >>> euclidean(a, b) == euclidean(b, a) > 0
    True
    """
    check_same(a, b)
    return float(np.linalg.norm(a.flat.astype(np.float64) - b.flat))


def interpolate(
    a: ContinuousSolution, b: ContinuousSolution, t: float, kind: Kind = "linear", batch_norm: Rule = "all"
) -> ContinuousSolution:
    """The network at a place on the line through two continuous networks.

    Parameters
    ----------
    a, b : ContinuousSolution
        Solutions of the same network; `align` first to remove permutations.
    t : float
        Place on the line: a at 0, b at 1, beyond them for other t.
    kind : {"linear", "geodesic"}, default "linear"
        "linear": on all tensors as they are. "geodesic": both networks are normalised, weights move along arcs of their
        spheres at constant speed, and biases, batch-norm parameters and statistics along straight lines.
    batch_norm : {"all", "paper"}, default "all"
        How they are normalised for a geodesic, as in `normalize`.

    Returns
    -------
    ContinuousSolution
        The network at t. Beyond the ends its running statistics are those of the end.

    Raises
    ------
    InvalidInputError
        If the networks differ, t is not finite, or the kind is unknown.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.1.3.

    Examples
    --------
    >>> import deepbridge as db
    >>> network = db.MLP(10, (8,), 3)
    >>> a, b = (db.ContinuousSolution(network, network.initial(seed)) for seed in (0, 1))
    >>> middle = db.interpolate(a, b, 0.5, "geodesic")
    >>> abs(db.distance(a, middle) - db.distance(a, b) / 2) < 1e-4
    True
    """
    line = line_between(a, b, (finite("t", t),), kind, batch_norm)
    return a.at(line.state(0))


def line_between(
    a: ContinuousSolution, b: ContinuousSolution, ts: Sequence[float], kind: Kind, batch_norm: Rule = "all"
) -> Line:
    """The line through two networks, normalised for a geodesic."""
    check_same(a, b)
    one_of("kind", kind, ("linear", "geodesic"))
    if kind == "geodesic":
        a, b = normalize(a, batch_norm), normalize(b, batch_norm)
    return Line(a, b, ts, kind)
