"""`load_solution`: a single solution of a network from its file, with the algorithm that made it."""

from pathlib import Path

import deepbridge.binary.algorithms  # noqa: F401  so that the built-in ones are known
from binland.loading import loaded
from deepbridge.binary.solution_file import read
from deepbridge.binary.solutions import Solution


def load_solution(path: str | Path, behind: int = 1) -> Solution:
    """The solution that `Solution.save` wrote, to the last bit; of a sweep's file: `binland.load_solution`.

    An algorithm that is not defined here gives a warning, and .algorithm is None: nothing in a file is executed, no
    module is imported for it. Import the package that defines it before. behind: calls from the user's to this one.
    Raises StoreError on a file that is missing, foreign or damaged, InvalidInputError beyond this machine's memory.
    """
    return loaded(path, read, Solution, behind)
