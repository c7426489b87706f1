"""What `run_sweep` returns: the result file, and what is next asked of it."""

from typing import Any

import xarray as xr

from binland.sweep.load import Problem, load_problem, load_results, load_solution
from binland.sweep.store.store import Store


class Sweep(Store):
    """The result file of one sweep, finished or not; `.path` is where it is.

    Examples
    --------
    >>> sweep = bl.run_sweep("fig6.toml", "fig6.h5")  # or bl.Sweep.open("fig6.h5"), later
    >>> sweep.results().test_error.mean("solution")
    >>> machine, train, test = sweep.problem(n_inputs=1001)
    >>> sweep.solution(n_inputs=1001, algorithm="RSGD").error(test)
    """

    def results(self) -> xr.Dataset:
        """All samples of the sweep.

        Returns
        -------
        xarray.Dataset
            As `load_results` gives it; NaN where a task is not done.

        Raises
        ------
        StoreError
            If the file is missing or damaged by now.
        """
        return load_results(self.path)

    def solution(self, **where: Any) -> Any:
        """One solution of the sweep, as `load_solution` gives it.

        Parameters
        ----------
        **where
            A value of every swept setting, `algorithm`, and `disorder` and `solution`, which are 0 if not said.

        Returns
        -------
        solution
            With its train-error history, and latents if the sweep keeps them.

        Raises
        ------
        InvalidInputError
            If the grid has no such point or the solution is not done.
        """
        return load_solution(self.path, **where)

    def problem(self, **where: Any) -> Problem:
        """What a point of the grid was about, as `load_problem` gives it, drawn anew.

        Parameters
        ----------
        **where
            A value of every swept setting, and `disorder`, which is 0 if not said.

        Returns
        -------
        machine, train, test
            The machine, its training and its test patterns.

        Raises
        ------
        InvalidInputError
            If the grid has no such point.
        """
        return load_problem(self.path, **where)
