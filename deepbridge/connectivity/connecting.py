"""Paths of `deepbridge.connectivity` as sweeps ask for them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from binland.rng import Seed
from deepbridge.connectivity import AutoNEB, Curve, Landscape, LandscapePath, Star, autoneb, curve, line, star
from deepbridge.connectivity.measured import at_places


@dataclass(frozen=True, eq=False)
class Connection:
    """A path, and its values at evenly spaced places; everything else is asked of the path."""

    path: LandscapePath
    losses: NDArray[np.float64]
    errors: NDArray[np.float64]
    test_losses: NDArray[np.float64]
    test_errors: NDArray[np.float64]

    @property
    def test_barrier(self) -> float:
        """The highest test error at all points where the path was measured."""
        assert self.path.test_errors is not None
        return float(self.path.test_errors.max())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.path, name)


def connected(landscape: Landscape, start: Any, end: Any, kind: str, seed: Seed, settings: Any) -> Connection:
    """A path of a kind between two networks by the settings [measure.curves]."""
    path = _path(landscape, start, end, kind, seed, settings)
    known: Any = path.losses, path.errors, path.test_losses, path.test_errors
    if kind in ("autoneb", "star"):  # which are measured at other places
        values = at_places(landscape, path.shape, settings.points)
        known = *_both(values.train), *_both(values.test)
    return Connection(path, *known)


def _both(values: Any) -> tuple[Any, Any]:
    return values.losses, values.errors


def _path(landscape: Landscape, start: Any, end: Any, kind: str, seed: Seed, s: Any) -> LandscapePath:
    quiet: dict[str, Any] = {"seed": seed, "progress": False}
    if kind == "line":
        return line(landscape, start, end, s.points)
    if kind == "autoneb":
        band = AutoNEB(batch_size=s.autoneb_batch_size, weight_decay=s.weight_decay).scaled(s.autoneb_steps)
        return autoneb(landscape, start, end, band, **quiet)
    if kind == "star":
        rate, batch = s.star_learning_rate, s.curve_batch_size
        one = Star(epochs=s.star_epochs, learning_rate=rate, batch_size=batch, points=s.points)
        return star(landscape, [start, end], one, **quiet).path(0, 1)
    bent = Curve(
        kind=kind, bends=s.bends, epochs=s.curve_epochs, learning_rate=s.curve_learning_rate, points=s.points,
        batch_size=s.curve_batch_size, weight_decay=s.weight_decay,
    )  # fmt: skip
    return curve(landscape, start, end, bent, **quiet)
