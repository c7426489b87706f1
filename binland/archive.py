"""`load`: read one solution from the file that `Solution.save` wrote."""

from pathlib import Path

from binland.loading import loaded
from binland.models import Solution
from binland.solution_file import read


def load(path: str | Path) -> Solution:
    """Read a solution from the file that `Solution.save` wrote, bit for bit.

    Nothing in the file is executed and no module is imported because of it. If the algorithm that made the solution is
    not defined in this process, there is a warning and ``.algorithm`` is None; import the module that defines it first.
    For solutions in the file of a sweep see `load_solution`.

    Parameters
    ----------
    path : str or pathlib.Path
        A file written by `Solution.save`.

    Returns
    -------
    Solution
        The solution.

    Raises
    ------
    StoreError
        If the file is missing, of another kind or damaged (a checksum is compared).
    InvalidInputError
        If it does not fit into memory.

    Examples
    --------
    >>> import binland as bl, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "three.safetensors"
    >>> bl.Solution(bl.Perceptron(3), [1, -1, 1]).save(path)
    >>> bl.load(path).weights.tolist()
    [1, -1, 1]
    """
    return loaded(path, read, Solution)
