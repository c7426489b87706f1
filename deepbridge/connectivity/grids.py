"""Losses and errors on a line or in a plane through weight space, and files of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from binland.checks import checked_path, shaped_floats
from binland.disk import write_new
from binland.summary import Summary
from deepbridge.connectivity.frames import Frame, Projections
from deepbridge.connectivity.landscape import Landscape


@dataclass(frozen=True, eq=False, repr=False)
class Surface(Summary):
    """Losses and errors on a grid in one or two directions around a point (`surface`, `plane_through`).

    Arrays of values have shape (X,) for one direction, and (Y, X) for two: ``losses[j, i]`` is at (x[i], y[j]).

    Attributes
    ----------
    losses : numpy.ndarray
        Mean cross-entropy in nats on the train data, or values of the function.
    error_counts : numpy.ndarray, int64, or None
        Number of wrong labels on the train data; None for functions without labels.
    n_patterns : int
        Number of train patterns P.
    x : numpy.ndarray of shape (X,)
        Coordinates along the first direction, in units of it.
    y : numpy.ndarray of shape (Y,), or None
        Coordinates along the second direction; None for one direction.
    test_losses, test_errors : numpy.ndarray, or None
        The same on test data, errors in [0, 1], if the landscape has any.
    origin : numpy.ndarray of shape (n,)
        The point with coordinates 0.
    directions : numpy.ndarray of shape (1 or 2, n)
        The directions, not necessarily orthonormal.
    solutions : Projections
        Coordinates of solutions, the first of which the surface was made for, and their projection errors.
    trajectory : Projections or None
        Coordinates of the points of a training trajectory, and their projection errors.
    kind : {"directions", "plane"}
        "directions" around a solution; "plane" through or near several, with orthonormal coordinates.
    evaluations : int
        Number of networks that were evaluated on all train or test data.
    landscape : Landscape
        What the surface is a part of.
    """

    losses: NDArray[np.float64]
    error_counts: NDArray[np.int64] | None
    n_patterns: int
    x: NDArray[np.float64]
    y: NDArray[np.float64] | None
    test_losses: NDArray[np.float64] | None
    test_errors: NDArray[np.float64] | None
    origin: NDArray[np.float64]
    directions: NDArray[np.float64]
    solutions: Projections
    trajectory: Projections | None
    kind: str
    evaluations: int
    landscape: Landscape

    _shown = ("kind", "shape", "lowest_loss", "highest_loss", "evaluations")

    @property
    def errors(self) -> NDArray[np.float64] | None:
        """Train errors in [0, 1]; None for functions without labels."""
        return None if self.error_counts is None else self.error_counts / self.n_patterns

    @property
    def shape(self) -> tuple[int, ...]:
        """(X,) or (Y, X)."""
        return self.losses.shape

    @property
    def lowest_loss(self) -> float:
        """The lowest train loss on the grid; nan if none is a number."""
        return float(np.fmin.reduce(self.losses, axis=None))

    @property
    def highest_loss(self) -> float:
        """The highest train loss on the grid; nan if none is a number."""
        return float(np.fmax.reduce(self.losses, axis=None))

    @property
    def _frame(self) -> Frame:
        return Frame(self.origin, self.directions)

    def place(self, solution: Any) -> tuple[NDArray[np.float64], float]:
        """Coordinates of the nearest point of the line or plane, and how far from there the solution is.

        Parameters
        ----------
        solution : ContinuousSolution, Solution or array_like
            A solution of the landscape; an array has flat parameters (n,).

        Returns
        -------
        tuple of (numpy.ndarray of shape (1 or 2,), float)
            Coordinates, and the projection error: Euclidean distance from the line or plane.

        Raises
        ------
        InvalidInputError
            If the solution does not fit the landscape.
        """
        found = self._frame.projected([self.landscape.point(solution)])
        return found.coordinates[0], float(found.distances[0])

    def point(self, coordinates: Any) -> NDArray[np.float64]:
        """Flat parameters at coordinates, also beyond the grid.

        Parameters
        ----------
        coordinates : sequence of float
            One number for each direction.

        Returns
        -------
        numpy.ndarray of shape (n,)
            The parameters.

        Raises
        ------
        InvalidInputError
            If there is not one number for each direction.
        """
        return self._frame.at(shaped_floats("coordinates", coordinates, (len(self.directions),)))

    def solution(self, coordinates: Any) -> Any:
        """The network at coordinates, with batch-norm statistics of the train data.

        Parameters
        ----------
        coordinates : sequence of float
            One number for each direction.

        Returns
        -------
        ContinuousSolution, Solution or numpy.ndarray
            What the landscape is of.

        Raises
        ------
        InvalidInputError
            If there is not one number for each direction.
        """
        point = torch.from_numpy(self.point(coordinates))
        return self.landscape.solution(point.to(self.landscape.device, self.landscape.dtype))

    def table(self) -> dict[str, NDArray[Any]]:
        """Columns of a table with one row for each grid point, x changing fastest.

        Returns
        -------
        dict of str to numpy.ndarray of shape (X * Y,)
            "x", "y", "loss", "error", "test_loss", "test_error", as far as they are known. ``pandas.DataFrame`` takes
            it as it is.
        """
        y, x = np.meshgrid([0.0] if self.y is None else self.y, self.x, indexing="ij")
        values = {"loss": self.losses, "error": self.errors}
        values |= {"test_loss": self.test_losses, "test_error": self.test_errors}
        columns = {"x": x, "y": None if self.y is None else y, **values}
        return {name: np.ravel(column) for name, column in columns.items() if column is not None}

    def save_csv(self, path: str | Path) -> None:
        """Write `table` as a file of comma-separated values, with all digits.

        Parameters
        ----------
        path : str or pathlib.Path
            A new file.

        Raises
        ------
        StoreError
            If the file is there already, or cannot be written.
        """
        columns = self.table()
        rows = [",".join(map(repr, row)) for row in zip(*(c.tolist() for c in columns.values()), strict=True)]
        write_new(checked_path("path", path), "\n".join([",".join(columns), *rows, ""]).encode())

    def save_vtk(self, path: str | Path) -> None:
        """Write a legacy VTK file of structured points, which ParaView and PyVista read, with all digits.

        Parameters
        ----------
        path : str or pathlib.Path
            A new file, whose name should end with ".vtk".

        Raises
        ------
        StoreError
            If the file is there already, or cannot be written.

        Notes
        -----
        Heights are not in the file; ParaView's filter "Warp By Scalar" makes them from the loss.
        """
        y = np.zeros(1) if self.y is None else self.y
        steps = [float(axis[1] - axis[0]) if len(axis) > 1 else 1.0 for axis in (self.x, y)]
        lines = ["# vtk DataFile Version 3.0", "loss landscape", "ASCII", "DATASET STRUCTURED_POINTS"]
        lines += [f"DIMENSIONS {len(self.x)} {len(y)} 1", f"ORIGIN {float(self.x[0])!r} {float(y[0])!r} 0"]
        lines += [f"SPACING {steps[0]!r} {steps[1]!r} 1", f"POINT_DATA {self.losses.size}"]
        for name, column in self.table().items():
            if name not in ("x", "y"):
                lines += [f"SCALARS {name} double 1", "LOOKUP_TABLE default", *map(repr, column.tolist())]
        write_new(checked_path("path", path), "\n".join([*lines, ""]).encode())
