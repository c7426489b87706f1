"""What `run_sweep` returns: the result file, and what is next asked of it."""

from typing import Any

import xarray as xr

from binland.sweep.load import Problem, load_problem, load_results, load_solution
from binland.sweep.store.store import Store


class Sweep(Store):
    """The result file of one sweep, finished or not; path is where it is."""

    def results(self) -> xr.Dataset:
        """All samples of the sweep, as `load_results` gives them."""
        return load_results(self.path)

    def solution(self, **where: Any) -> Any:
        """One solution of the sweep, as `load_solution` gives it.

        where: a value of every swept setting, algorithm, and disorder and solution, 0 by default.

        >>> sweep.solution(n_inputs=1001, algorithm="RSGD")
        """
        return load_solution(self.path, **where)

    def problem(self, **where: Any) -> Problem:
        """Machine, training and test patterns of a point of the grid, as `load_problem` gives them.

        >>> machine, train, test = sweep.problem(n_inputs=1001)
        """
        return load_problem(self.path, **where)
