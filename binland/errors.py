"""The package's exceptions. Every message says what was given, what is allowed and what to do."""

import reprlib
from typing import Any

LONGEST = 80  # letters of a value in a message


class BinlandError(Exception):
    """Base of all errors that the package raises on purpose; the command line prints one line and exits with code 2."""

    def __init__(self, message: str):
        super().__init__(one_line(message))  # names of files and labels may contain control characters


class InvalidInputError(BinlandError, ValueError):
    """An argument, an array or a configuration value that is not allowed."""


class DataError(BinlandError):
    """Data files that are missing, damaged or cannot be fetched."""


class StoreError(BinlandError):
    """A file of results or of a solution that is missing, of another kind, damaged, or cannot be written."""


class ClusterError(BinlandError):
    """Workers that cannot be reached, were lost or run another version; results that are recorded are kept."""


class _Short(reprlib.Repr):
    """repr of limited length; arrays of any library are shown by shape and type."""

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
    """A text as one line of limited length, without control characters."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def printable(text: str) -> str:
    """A text whose control characters, except newline and tab, are written as escapes: safe to print on a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


def reason(error: BaseException) -> str:
    """Type and text of an exception as one short line."""
    return one_line(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, 200)
