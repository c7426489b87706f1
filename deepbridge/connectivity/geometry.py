"""Spaces in which points of a landscape move: flat, or a product of spheres (the toroid of Pittorino et al. 2022)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

NEAR = 1e-7  # angles below which an arc is a straight line


class Geometry:
    """Flat space; base of others. Points and vectors are rows (T, n)."""

    name = "flat"

    def onto(self, points: Tensor) -> Tensor:
        """The points of the space that are nearest to the given ones."""
        return points

    def along(self, points: Tensor, vectors: Tensor) -> Tensor:
        """Parts of vectors that are tangent to the space at its points."""
        return vectors

    def pulled_back(self, raw: Tensor, gradients: Tensor) -> Tensor:
        """Gradients with respect to `raw`, from those with respect to ``onto(raw)``."""
        return gradients

    def between(self, a: Tensor, b: Tensor, ts: Tensor) -> Tensor:
        """Points (T, n) on the shortest line from a to b, both (n,), at places ts in [0, 1]; ends are exact."""
        return torch.lerp(a, b, ts.to(a)[:, None])

    def lengths(self, points: Tensor) -> Tensor:
        """Distances of neighbouring points, (T - 1,) float64."""
        return torch.stack([(b - a).double().norm() for a, b in pairwise(points)])


class Piece(NamedTuple):
    """Entries of a flat point that are rows of `units` spheres: units x width of them from `first` on."""

    first: int
    units: int
    width: int


class Toroid(Geometry):
    """A product of spheres, and straight directions for every entry that lies on none.

    Vectors of a single entry have no sphere: between its two points there is no way but the straight one.

    Parameters
    ----------
    spheres : sequence of (sequence of Piece, float)
        For each family of spheres the entries of their vectors, of which a unit has one row in every piece, and the
        radius.
    """

    name = "toroid"

    def __init__(self, spheres: Sequence[tuple[Sequence[Piece], float]]):
        self._spheres = [(pieces, radius) for pieces, radius in spheres if sum(piece.width for piece in pieces) > 1]

    def _rows(self, points: Tensor, pieces: Sequence[Piece]) -> list[Tensor]:
        """Views (T, units, width) of the entries of each piece."""
        return [points[:, p.first : p.first + p.units * p.width].unflatten(1, (p.units, p.width)) for p in pieces]

    def onto(self, points: Tensor) -> Tensor:
        """Every vector at its radius; one that is zero stays."""
        made = points.clone()
        for pieces, radius in self._spheres:
            rows = self._rows(made, pieces)
            factors = radius / _kept(_products(rows, rows).sqrt())
            for row in rows:
                row.mul_(factors[..., None].to(row.dtype))
        return made

    def along(self, points: Tensor, vectors: Tensor) -> Tensor:
        """Vectors without the parts along the radii."""
        made = vectors.clone()
        for pieces, _ in self._spheres:
            places, rows = self._rows(points, pieces), self._rows(made, pieces)
            shares = _products(places, rows) / _kept(_products(places, places))
            for place, row in zip(places, rows, strict=True):
                row.addcmul_(place, shares[..., None].to(row.dtype), value=-1)
        return made

    def pulled_back(self, raw: Tensor, gradients: Tensor) -> Tensor:
        """The chain rule of ``r x / |x|``: the tangent part, times r / |x|."""
        made = self.along(raw, gradients)
        for pieces, radius in self._spheres:
            places = self._rows(raw, pieces)
            factors = radius / _kept(_products(places, places).sqrt())
            for row in self._rows(made, pieces):
                row.mul_(factors[..., None].to(row.dtype))
        return made

    def between(self, a: Tensor, b: Tensor, ts: Tensor) -> Tensor:
        """Points on arcs of great circles at constant speed.

        Between opposite vectors all half circles are as short: it is the one through the axis farthest from both.
        """
        made = super().between(a, b, ts)
        for pieces, radius in self._spheres:
            first, second = (self._rows(x[None], pieces) for x in (a, b))
            angles = self._angles(first, second)
            shares = _arc_shares(angles, ts.double())
            rows = self._rows(made, pieces)
            for row, one, other in zip(rows, first, second, strict=True):
                row.copy_(shares[0][..., None] * one + shares[1][..., None] * other)
            _go_around(rows, first, angles, ts.double())
            factors = radius / _kept(_products(rows, rows).sqrt())  # against rounding
            for row in rows:
                row.mul_(factors[..., None].to(row.dtype))
        for k, t in enumerate(ts.tolist()):
            if t in (0.0, 1.0):
                made[k] = b if t else a
        return made

    def lengths(self, points: Tensor) -> Tensor:
        """Geodesic distances of neighbouring points: root of the sum of all squared arcs, and of what is straight."""
        made = []
        for a, b in pairwise(points[:, None]):
            rest, squares = (b - a).double(), torch.zeros((), dtype=torch.float64, device=points.device)
            for pieces, radius in self._spheres:
                squares = squares + (radius * self._angles(self._rows(a, pieces), self._rows(b, pieces))).square().sum()
                for row in self._rows(rest, pieces):
                    row.zero_()
            made.append((squares + rest.square().sum()).sqrt())
        return torch.stack(made)

    def _angles(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        """Angles of vectors, (1, units) float64, exact near zero, where arccos is not."""
        a, b = ([row.double() for row in rows] for rows in (a, b))
        sizes = [_kept(_products(rows, rows).sqrt())[..., None] for rows in (a, b)]
        u, v = ([row / size for row in rows] for rows, size in zip((a, b), sizes, strict=True))
        minus, plus = ([s * y + x for x, y in zip(u, v, strict=True)] for s in (-1, 1))
        return 2 * torch.atan2(_products(minus, minus).sqrt(), _products(plus, plus).sqrt())


def _products(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Inner products of the vectors of units, (T, units) float64."""
    return sum((x * y).sum(-1, dtype=torch.float64) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def _kept(norms: Tensor) -> Tensor:
    """Norms, with 1 for those that are zero."""
    return torch.where(norms == 0, torch.ones_like(norms), norms)


def _go_around(rows: list[Tensor], first: list[Tensor], angles: Tensor, ts: Tensor) -> None:
    """Put points (T, units, width) on half circles where the ends are opposite; first: the ends at 0."""
    opposite = angles[0] > torch.pi - NEAR
    if not opposite.any():
        return
    start = torch.cat([one[0, opposite] for one in first], 1)
    turns = torch.pi * ts.to(start)[:, None, None]
    circle = turns.cos() * start + turns.sin() * perpendicular(start)
    for row, part in zip(rows, circle.split([row.shape[2] for row in rows], 2), strict=True):
        row[:, opposite] = part


def perpendicular(vectors: Tensor) -> Tensor:
    """Vectors (count, n) as long as the given ones, at right angles to them, towards the axes farthest from them.

    They are the same for opposite vectors.
    """
    radius = vectors.norm(dim=1, keepdim=True)
    axis = torch.nn.functional.one_hot(vectors.abs().argmin(1), vectors.shape[1]).to(vectors)
    across = axis - (axis * vectors).sum(1, keepdim=True) * vectors / radius.square()
    return across * (radius / across.norm(dim=1, keepdim=True))


def _arc_shares(angles: Tensor, ts: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients (T, units) of both ends of arcs with angles (1, units) at ts (T,)."""
    ts = ts[:, None]
    straight = (angles < NEAR) | (angles > torch.pi - NEAR)
    sines = torch.where(straight, torch.ones_like(angles), angles.sin())
    first, second = ((1 - ts) * angles).sin() / sines, (ts * angles).sin() / sines
    return torch.where(straight, 1 - ts, first), torch.where(straight, ts.expand_as(second), second)
