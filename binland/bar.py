"""A progress bar: on a terminal, and in a notebook, where it needs no widgets; elsewhere there is none."""

import time
from importlib import import_module
from typing import Any

from rich.progress import Progress, ProgressColumn

from binland.console import errors

EVERY = 0.1  # seconds between two looks of a notebook


class Bar:
    """A bar of one task, a context; columns: rich's, or its usual ones.

    wanted: False shows none anywhere. transient: it goes away at its end.
    """

    def __init__(
        self, *columns: ProgressColumn, description: str, total: float | None = None, completed: int = 0,
        wanted: bool = True, transient: bool = False, **fields: Any,
    ):  # fmt: skip
        self._rich = Progress(*columns, console=errors, transient=transient)
        self._task = self._rich.add_task(description, total=total, completed=completed, **fields)
        self._wanted, self._transient = wanted, transient
        self._output: Any = None  # of the cell of a notebook
        self._drawn = 0.0

    def __enter__(self) -> "Bar":
        if self._wanted and errors.is_jupyter:
            self._output = import_module("IPython.display").display(self._rich, display_id=True)
        elif self._wanted and errors.is_terminal:
            self._rich.start()
        return self

    def update(self, **fields: Any) -> None:
        """What `rich.progress.Progress.update` takes."""
        self._rich.update(self._task, **fields)
        if self._output is not None and time.monotonic() - self._drawn > EVERY:
            self._output.update(self._rich)
            self._drawn = time.monotonic()

    def __exit__(self, *_: object) -> None:
        if self._rich.live.is_started:
            self._rich.stop()
        if self._output is not None:
            self._output.update({} if self._transient else self._rich, raw=self._transient)


def visible() -> bool:
    """Whether there is a terminal or a notebook to show a bar."""
    return errors.is_jupyter or errors.is_terminal
