"""An origin and one or two directions: coordinates of points in the line or plane, and how far others lie outside."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binland.checks import LARGEST_FLOAT, SMALLEST_FLOAT, real_array
from binland.errors import InvalidInputError
from binland.summary import Summary
from deepbridge.connectivity.landscape import Landscape

PARALLEL = 1e-6  # sine of the angle below which two directions span no plane


@dataclass(frozen=True, eq=False, repr=False)
class Projections(Summary):
    """Where points lie in a line or plane through weight space, and how far outside of it they are.

    The loss of the surface at a projected point is not the loss of the point itself, unless its distance is 0.

    Attributes
    ----------
    coordinates : numpy.ndarray of shape (S, K)
        Coordinates of the nearest points of the line (K = 1) or plane (K = 2), in units of the directions.
    distances : numpy.ndarray of shape (S,)
        Euclidean distances from there: the projection errors.
    relative : numpy.ndarray of shape (S,)
        Distances as shares of those from the origin, in [0, 1]: 0 inside, 1 if perpendicular to it. For solutions near
        their best-fitting plane, shares of distances from their mean, which lies in it.
    """

    coordinates: NDArray[np.float64]
    distances: NDArray[np.float64]
    relative: NDArray[np.float64]

    _shown = ("coordinates", "distances", "relative")

    def __len__(self) -> int:
        return len(self.coordinates)


class Frame(NamedTuple):
    """origin: (n,). directions: (K, n), independent, not necessarily orthonormal. Both are float64."""

    origin: NDArray[np.float64]
    directions: NDArray[np.float64]

    def corners(self, landscape: Landscape) -> Tensor:
        """Origin and directions (1 + K, n), of which all points are sums."""
        return torch.from_numpy(np.vstack([self.origin, self.directions])).to(landscape.device, landscape.dtype)

    def at(self, coordinates: Any) -> NDArray[np.float64]:
        """The point (n,) with given coordinates."""
        return self.origin + np.asarray(coordinates, np.float64) @ self.directions

    def projected(self, points: Iterable[Tensor], centre: NDArray[np.float64] | None = None) -> Projections:
        """Points (n,), one after the other, projected orthogonally.

        centre: (n,), from where relative distances are measured, by default the origin.
        """
        basis, mixing = np.linalg.qr(self.directions.T)
        made = []
        middle = 0.0 if centre is None else centre - self.origin
        for point in points:
            step = point.double().cpu().numpy() - self.origin
            place = np.linalg.solve(mixing, basis.T @ step)
            made.append((place, np.linalg.norm(step - place @ self.directions), np.linalg.norm(step - middle)))
        places = np.array([place for place, _, _ in made]).reshape(-1, len(mixing))
        outside, lengths = (np.array([one[k] for one in made], np.float64) for k in (1, 2))
        shares = np.divide(outside, lengths, out=np.zeros_like(outside), where=lengths > 0)
        return Projections(places, outside, shares.clip(0, 1))


def frame_of(landscape: Landscape, origin: Tensor, directions: Any) -> Frame:
    """A frame of given directions; raises InvalidInputError unless they are one or two independent ones."""
    rows, size = np.atleast_2d(real_array("directions", directions).astype(np.float64)), landscape.size
    if rows.shape not in ((1, size), (2, size)) or not np.isfinite(rows).all():
        raise InvalidInputError(f"directions of shape {rows.shape} are not one or two rows of {size} finite numbers")
    norms = np.linalg.norm(rows, axis=1)
    for norm in norms.tolist():
        if not SMALLEST_FLOAT <= norm <= LARGEST_FLOAT:
            bounds = f"{SMALLEST_FLOAT:g} to {LARGEST_FLOAT:g}"
            raise InvalidInputError(
                f"a direction has length {norm:g}, not from {bounds}; random ones are zero where the solution is"
            )
    units = rows / norms[:, None]
    if len(rows) == 2 and np.linalg.norm(units[1] - (units[1] @ units[0]) * units[0]) < PARALLEL:
        raise InvalidInputError("the two directions are parallel and span no plane; give different ones")
    return Frame(origin.double().cpu().numpy(), rows)
