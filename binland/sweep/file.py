"""`Sweep`: what `run_sweep` returns, the file of results and short ways to what is in it."""

from typing import Any

import xarray as xr

from binland.sweep.load import Problem, load_problem, load_results, load_solution
from binland.sweep.store.store import Store


class Sweep(Store):
    """The file of results of one sweep, finished or not.

    `run_sweep` returns it, and ``Sweep.open(path)`` opens a file that is there already. Every method reads the file
    anew, also while the sweep is running. Print it for a summary of a few lines.

    Attributes
    ----------
    path : pathlib.Path
        The HDF5 file.
    layout : Layout
        Which tasks and quantities the file has places for.
    schema : int
        Number of the format of the file.

    Examples
    --------
    >>> import binland as bl
    >>> sweep = bl.run_sweep("fig6.toml", "fig6.h5")  # doctest: +SKIP
    >>> sweep = bl.Sweep.open("fig6.h5")  # later  # doctest: +SKIP
    >>> sweep.results().test_error.mean("solution")  # doctest: +SKIP
    >>> machine, train, test = sweep.problem(n_inputs=1001)  # doctest: +SKIP
    >>> sweep.solution(n_inputs=1001, algorithm="RSGD").error(test)  # doctest: +SKIP
    """

    def results(self) -> xr.Dataset:
        """Read every measurement of the sweep.

        Returns
        -------
        xarray.Dataset
            As `load_results` returns it; NaN where a task is not done.

        Raises
        ------
        StoreError
            If the file has been removed or damaged in the meantime.
        """
        return load_results(self.path)

    def solution(self, **where: Any) -> Any:
        """Read one solution of the sweep, as `load_solution` does.

        Parameters
        ----------
        **where
            A value of every swept setting, `algorithm`, and `disorder` and `solution`, each 0 by default.

        Returns
        -------
        solution
            The weights, with the history of train errors, and latents if the sweep stores them.

        Raises
        ------
        InvalidInputError
            If the grid has no such point or the solution is not finished.
        """
        return load_solution(self.path, **where)

    def problem(self, **where: Any) -> Problem:
        """Draw the problem of one point of the grid again, as `load_problem` does.

        Parameters
        ----------
        **where
            A value of every swept setting, and `disorder`, 0 by default.

        Returns
        -------
        machine, train, test
            The machine, its train patterns and its test patterns.

        Raises
        ------
        InvalidInputError
            If the grid has no such point.
        """
        return load_problem(self.path, **where)
