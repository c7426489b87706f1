"""Exceptions from plug-ins become one line that names the plug-in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from binland.errors import BinlandError, InvalidInputError, reason
from binland.sweep import registry


@contextmanager
def blamed() -> Iterator[None]:
    """Context that turns an exception from a plug-in's code, or caused by what it gave, into InvalidInputError.

    Without plug-ins an exception is a fault of binland and stays as it is.
    """
    try:
        yield
    except BinlandError:
        raise
    except Exception as error:
        strangers = registry.strangers()
        if not strangers:
            raise
        where = _place(error, strangers) or f"one of the plug-ins {', '.join(sorted(strangers))} is at fault"
        raise InvalidInputError(f"{where}: {reason(error)}; mend it") from error


def _place(error: BaseException, modules: set[str]) -> str:
    """Module and line of the innermost code of a plug-in; empty if there is none."""
    place, trace = "", error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_globals.get("__name__") in modules:
            place = f"the plug-in {Path(frame.f_code.co_filename).name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place
