"""Read a binary network from the file that `Solution.save` wrote."""

from pathlib import Path

import deepbridge.binary.algorithms  # noqa: F401  so that the built-in ones are known
from binland.loading import loaded
from deepbridge.binary.solution_file import read
from deepbridge.binary.solutions import Solution


def load_solution(path: str | Path, behind: int = 1) -> Solution:
    """Read a solution from the file that `Solution.save` wrote, bit for bit; see `deepbridge.load_solution`.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.
    behind : int, default 1
        Number of calls between the user's and this one, so that a warning points at the user's line.

    Returns
    -------
    Solution
        The solution.

    Raises
    ------
    StoreError
        If the file is missing, of another kind or damaged.
    InvalidInputError
        If it does not fit into memory.
    """
    return loaded(path, read, Solution, behind)
