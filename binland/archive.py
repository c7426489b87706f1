"""`load`: a single solution from its file, with the algorithm that made it, if that is known here."""

from pathlib import Path

from binland.loading import loaded
from binland.models import Solution
from binland.solution_file import read


def load(path: str | Path) -> Solution:
    """The solution that `Solution.save` wrote, to the last bit.

    An algorithm that is not defined here gives a warning, and .algorithm is None: nothing in a file is executed, no
    module is imported for it. Import the package that defines it before.
    Raises StoreError on a file that is missing, foreign or damaged, InvalidInputError beyond this machine's memory.
    """
    return loaded(path, read, Solution)
