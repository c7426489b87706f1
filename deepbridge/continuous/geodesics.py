"""The toroid: a sphere for every hidden unit and one for the last layer; distances and lines on it (section 3.1.3)."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binland.checks import finite, one_of
from deepbridge.continuous.evaluation import Row
from deepbridge.continuous.networks import Network
from deepbridge.continuous.normalisation import Rule, normalize
from deepbridge.continuous.solutions import ContinuousSolution, check_same
from deepbridge.continuous.units import STATISTICS, State

Kind = Literal["linear", "geodesic"]
NEAR = 1e-7  # angles below which a geodesic is a straight line, and above pi minus which its direction is arbitrary


class Sphere(NamedTuple):
    """Tensors whose rows, put side by side, lie on spheres: one for each of `units` units."""

    tensors: tuple[str, ...]
    units: int


def spheres(network: Network) -> list[Sphere]:
    """Of the hidden units, and of the last layer, whose weights are one vector."""
    units = network.units
    made = []
    for one in units.rescalings:
        weights = tuple(place.tensor for place in one.grows if place.tensor in units.writers[one.units])
        if weights:
            made.append(Sphere(weights, units.sizes[one.units]))
    return made + ([Sphere((f"{network.last_layer}.weight",), 1)] if network.last_layer else [])


def vectors(sphere: Sphere, state: State) -> Tensor:
    """(units, n) in the type of the tensors."""
    rows = [state[name].reshape(sphere.units, -1) for name in sphere.tensors]
    return rows[0] if len(rows) == 1 else torch.cat(rows, 1)


class Arc:
    """Great circles between vectors (count, n) of the same norms; a straight line where one is zero, or n is 1.

    angles: (count,) in [0, pi]. radii: (count,). straight: (count,) where there is no angle, or one of zero.
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
        """(count,) radius times angle; of straight lines their length."""
        straight = (self._a.double() - self._b.double()).norm(dim=1)
        return torch.where(self.straight, straight, self.radii * self.angles)

    def shares(self, t: float) -> Tensor:
        """(2, count) what the point at t takes of each end; of opposite ends it is no sum of them."""
        sines = torch.where(self.straight | self.opposite, torch.ones_like(self.angles), self.angles.sin())
        first, second = ((1 - t) * self.angles).sin() / sines, (t * self.angles).sin() / sines
        return torch.stack(
            [torch.where(self.straight, torch.full_like(first, 1 - t), first),
             torch.where(self.straight, torch.full_like(second, t), second)]
        )  # fmt: skip

    def at(self, t: float) -> Tensor:
        """(count, n) the point at t, at constant speed from 0 to 1 and beyond."""
        if t in (0.0, 1.0):
            return self._b if t else self._a
        first, second = self.shares(t)[:, :, None].to(self._a.dtype)
        point = torch.addcmul(first * self._a, second, self._b)
        if self.opposite.any():
            point[self.opposite] = self._around(t)
        return point

    def _around(self, t: float) -> Tensor:
        """Between opposite vectors every half circle is as short: the one through the axis that they are farthest from.

        The same in both directions.
        """
        a, b = self._a[self.opposite], self._b[self.opposite]
        radius = a.norm(dim=1, keepdim=True)
        axis = torch.nn.functional.one_hot(a.abs().argmin(1), a.shape[1]).to(a)
        across = axis - (axis * a).sum(1, keepdim=True) * a / radius.square()
        across *= radius / across.norm(dim=1, keepdim=True)
        return math.cos(math.pi * t) * (a - b) / 2 + math.sin(math.pi * t) * across


class Line(Row):
    """Networks between two (and beyond), at parameters t; the ends as they are.

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
        """Tensors at t_i: on spheres along arcs, others along straight lines; counters are those of the first."""
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
        """(2, H) what the first layer's rows are made of."""
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
        """By weight, lengths of the arcs of its units."""
        return {sphere.tensors[0]: arc.lengths.numpy() for sphere, arc in zip(self._spheres, self._arcs, strict=True)}

    @property
    def length(self) -> float:
        """From 0 to 1: Euclidean, or geodesic."""
        if self.kind == "linear":
            return euclidean(self.a, self.b)
        return math.sqrt(sum(float((lengths**2).sum()) for lengths in self.unit_lengths.values()))


def write(sphere: Sphere, state: State, rows: Tensor) -> None:
    """Undo `vectors`: rows in place of the tensors that are in a state, in their shapes and type."""
    begin = 0
    for name in sphere.tensors:
        before = state[name]
        width = before.numel() // sphere.units
        state[name] = rows[:, begin : begin + width].reshape(before.shape).to(before.dtype)
        begin += width


def distance(a: ContinuousSolution, b: ContinuousSolution, batch_norm: Rule = "all") -> float:
    """Geodesic distance between two networks, normalised but not aligned (paper, section 3.1.3).

    The square root of the sum over hidden units, and over the last layer as one, of squared radius times angle. Biases
    and batch-norm parameters do not count. batch_norm: how to normalise. Raises InvalidInputError if networks differ.
    """
    return line_between(a, b, (), "geodesic", batch_norm).length


def unit_distances(
    a: ContinuousSolution, b: ContinuousSolution, batch_norm: Rule = "all"
) -> dict[str, NDArray[np.float64]]:
    """By the name of the weight, (H,) geodesic distances of its units, and (1,) of the last layer; see `distance`."""
    return line_between(a, b, (), "geodesic", batch_norm).unit_lengths


def euclidean(a: ContinuousSolution, b: ContinuousSolution) -> float:
    """Norm of the difference of all parameters, as they are; raises InvalidInputError if the networks differ."""
    check_same(a, b)
    return float(np.linalg.norm(a.flat.astype(np.float64) - b.flat))


def interpolate(
    a: ContinuousSolution, b: ContinuousSolution, t: float, kind: Kind = "linear", batch_norm: Rule = "all"
) -> ContinuousSolution:
    """The network at t between two: a at 0, b at 1, beyond them for other t.

    kind: "linear" on all tensors as they are; "geodesic" along arcs on the spheres of the normalised networks, at
    constant speed, and linear for what is on none: biases, gamma and beta, running statistics. Align first. Beyond the
    ends running statistics are those of the end.
    Raises InvalidInputError if the networks differ, or on a kind that is none.
    """
    line = line_between(a, b, (finite("t", t),), kind, batch_norm)
    return a.at(line.state(0))


def line_between(
    a: ContinuousSolution, b: ContinuousSolution, ts: Sequence[float], kind: Kind, batch_norm: Rule = "all"
) -> Line:
    """The line through two networks, which are normalised for a geodesic."""
    check_same(a, b)
    one_of("kind", kind, ("linear", "geodesic"))
    if kind == "geodesic":
        a, b = normalize(a, batch_norm), normalize(b, batch_norm)
    return Line(a, b, ts, kind)
