"""The package's exceptions: every message says what was given, what is allowed and what to do."""

import reprlib
from typing import Any

LONGEST = 80  # letters of a value in a message


class BinlandError(Exception):
    """Base of all errors the package raises on purpose; the command line prints its one line and exits 2."""

    def __init__(self, message: str):
        super().__init__(one_line(message))  # names of files and labels may hold anything


class InvalidInputError(BinlandError, ValueError):
    """An argument, an array or a configuration value that is not allowed."""


class DataError(BinlandError):
    """Data files that are missing, damaged or cannot be fetched."""


class StoreError(BinlandError):
    """A result file that is missing, foreign, of another configuration or not writable."""


class ClusterError(BinlandError):
    """Workers that cannot be reached, are lost or run another version; what is done is kept."""


class _Short(reprlib.Repr):
    """repr of at most so many letters; arrays by shape and type, whatever library they are of."""

    def __init__(self, longest: int) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = longest

    def repr1(self, value: Any, level: int) -> str:
        if hasattr(value, "shape") and hasattr(value, "dtype") and not isinstance(value, type):
            kind = type(value).__name__
            return f"{kind} of shape {tuple(value.shape)} and type {value.dtype}" if value.shape else repr(value)
        return super().repr1(value, level)


def shown(value: object, longest: int = LONGEST) -> str:
    """A value as a message shows it: one line, at most so many letters, whatever it is; arrays by shape and type."""
    try:
        text = _Short(longest).repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return one_line(text, longest)


def one_line(text: str, longest: int = 2000) -> str:
    """A text as one line of so many letters that a terminal takes for text and for nothing else."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def printable(text: str) -> str:
    """A text, perhaps a stranger's, whose control characters are written out; the ends of its lines stay."""
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


def reason(error: BaseException) -> str:
    """Kind and text of somebody else's exception, as one short line."""
    return one_line(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, 200)
