"""What is stored of a measurement, described in the file as well."""

from typing import NamedTuple

TYPES = ("f8", "f4", "i8", "i4", "i1", "u1")  # of what is stored


class Variable(NamedTuple):
    """A quantity that a task gives.

    inner: names of its dimensions after those of the grid. dtype: one of TYPES. units: "1" if it has none. meaning: a
    few words, `long_name` in files. large: stored, but not returned by `load_results` and `export` (weights). optional:
    whether some tasks do not have it.
    """

    inner: tuple[str, ...]
    dtype: str
    units: str
    meaning: str
    large: bool = False
    optional: bool = False


class Coordinate(NamedTuple):
    """Labels of an inner dimension: its values (numbers or texts), or their number if they are only counted.

    labelled: whether the dimension gets a coordinate in the file.
    """

    values: tuple[float | str, ...] | int
    meaning: str = ""
    labelled: bool = True

    @property
    def length(self) -> int:
        """Number of values."""
        return self.values if isinstance(self.values, int) else len(self.values)
