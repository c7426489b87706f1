"""What is stored of a measurement, in words that a file keeps."""

from typing import NamedTuple

TYPES = ("f8", "f4", "i8", "i4", "i1", "u1")  # of what is stored


class Variable(NamedTuple):
    """A quantity that a task gives.

    inner: names of its dimensions behind those of the grid. dtype: one of TYPES. units: "1" where it has
    none. meaning: a few words, the `long_name` in files. large: kept in the file, but not among the measurements that
    `load_results` and `export` give (weights). optional: whether some tasks do without it.
    """

    inner: tuple[str, ...]
    dtype: str
    units: str
    meaning: str
    large: bool = False
    optional: bool = False


class Coordinate(NamedTuple):
    """The labels of an inner dimension: values (numbers or texts), or how many there are if they are only counted.

    labelled: whether the dimension gets a coordinate in the file.
    """

    values: tuple[float | str, ...] | int
    meaning: str = ""
    labelled: bool = True

    @property
    def length(self) -> int:
        """How many."""
        return self.values if isinstance(self.values, int) else len(self.values)
