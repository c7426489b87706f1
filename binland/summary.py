"""How results are printed: as one line, and as a small table in a notebook."""

from collections.abc import Iterable
from html import escape
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np

from binland.errors import LONGEST, one_line, shown

FEW = 6  # longest array of which all numbers are written
WIDEST = 300  # letters of a value in a table


class Summary:
    """Base class that prints the attributes named in `_shown`; dataclasses derived from it need `repr=False`."""

    _shown: ClassVar[tuple[str, ...]] = ()

    def _facts(self) -> list[tuple[str, Any]]:
        """Names and values to print. Attributes that are missing or None are left out, so that printing never fails."""
        return [(name, value) for name in self._shown if (value := _value(self, name)) is not None]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={text(value)}' for name, value in self._facts())})"

    def _repr_html_(self) -> str:
        return table(type(self).__name__, self._facts())


class TrainingSummary(Summary):
    """Base class of solutions, which also prints the last train error of `history`."""

    def _facts(self) -> list[tuple[str, Any]]:
        history = _value(self, "history")
        known = [] if history is None else [error for error in history if not np.isnan(error)]
        return [*super()._facts(), *(("last of history", error) for error in known[-1:])]


def _value(thing: object, name: str) -> Any:
    try:
        return getattr(thing, name)
    except Exception:
        return None


def text(value: Any, longest: int = LONGEST) -> str:
    """A value as a short text: numbers with four digits, long arrays as shape and type."""
    if getattr(value, "ndim", None) == 1 and len(value) <= FEW:
        return f"[{', '.join(map(text, value))}]"
    if isinstance(value, np.bool_):
        return str(bool(value))
    if isinstance(value, Real) and not isinstance(value, bool):
        return str(int(value)) if isinstance(value, Integral) else f"{float(value):.4g}"
    return shown(value, longest)


def table(title: str, facts: Iterable[tuple[str, Any]]) -> str:
    """An HTML table of names and values, in the colours of the page that shows it; texts are escaped."""
    left = "style='text-align: left'"
    cells = ((escape(name), escape(_cell(value))) for name, value in facts)
    rows = "".join(f"<tr><th {left}>{name}</th><td {left}>{value}</td></tr>" for name, value in cells)
    return f"<table><caption {left}>{escape(title)}</caption><tbody>{rows}</tbody></table>"


def _cell(value: Any) -> str:
    return one_line(value, WIDEST) if isinstance(value, str) else text(value, WIDEST)
