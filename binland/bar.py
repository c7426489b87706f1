"""A progress bar on terminals and in notebooks (without widgets); elsewhere nothing is shown."""

import time
from importlib import import_module
from typing import Any

from rich.progress import Progress, ProgressColumn

from binland.console import errors

EVERY = 0.1  # least time between two updates in a notebook, in seconds


class Bar:
    """A progress bar, used in a `with` statement.

    columns: columns of rich, by default its usual ones. description: the text beside the bar. total: the number at
    which it is full, or None if unknown. completed: the number at the start. wanted: False shows nothing anywhere.
    transient: whether it disappears at the end. fields: values for the texts of the columns.
    """

    def __init__(
        self, *columns: ProgressColumn, description: str, total: float | None = None, completed: int = 0,
        wanted: bool = True, transient: bool = False, **fields: Any,
    ):  # fmt: skip
        self._rich = Progress(*columns, console=errors, transient=transient)
        self._task = self._rich.add_task(description, total=total, completed=completed, **fields)
        self._wanted, self._transient = wanted, transient
        self._output: Any = None  # output of a notebook's cell
        self._drawn = 0.0

    def __enter__(self) -> "Bar":
        if self._wanted and errors.is_jupyter:
            self._output = import_module("IPython.display").display(self._rich, display_id=True)
        elif self._wanted and errors.is_terminal:
            self._rich.start()
        return self

    def update(self, **fields: Any) -> None:
        """Show new values; takes the keyword arguments of `rich.progress.Progress.update`."""
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
    """Whether a bar can be shown: on a terminal or in a notebook."""
    return errors.is_jupyter or errors.is_terminal
