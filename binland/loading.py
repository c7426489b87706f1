"""Solutions from files, with their algorithm if it is defined in this process."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from binland.checks import checked_path
from binland.errors import InvalidInputError, StoreError, shown
from binland.sweep.contracts.algorithm import Algorithm

Made = TypeVar("Made")


def loaded(
    path: str | Path, read: Callable[[Path], dict[str, Any]], make: Callable[..., Made], behind: int = 1
) -> Made:
    """What `make` builds from the fields that `read` finds in a file, with the algorithm if it is defined here.

    behind: number of calls between the user's and this one, so that a warning points at the user's line.
    """
    path = checked_path("path", path)
    found = read(path)
    try:
        return make(**found | {"algorithm": _known_algorithm(path, found["algorithm"], behind)})
    except (InvalidInputError, TypeError) as error:
        raise StoreError(f"{path}: is damaged ({error}); take it from a copy") from None


def _known_algorithm(path: Path, origin: Any, behind: int) -> Algorithm | None:
    """The algorithm that a file describes; None, with a warning, if it cannot be made here."""
    if origin is None:
        return None
    try:
        return _kind(origin["kind"], origin["module"])(**_plain(origin["settings"]))
    except Exception:  # constructors may raise anything
        what = f"{path}: the algorithm {shown(origin)} is unknown here, so .algorithm is None"
        warnings.warn(f"{what}; import what defines it, and load again", stacklevel=behind + 3)
        return None


def _kind(name: str, module: str) -> type[Algorithm]:
    """The class of that name in that module or, if it has moved, in the same package."""
    places = {kind.__module__: kind for kind in _known(Algorithm) if kind.__name__ == name}
    if module in places:
        return places[module]
    (moved,) = (place for place in places if _package(place) == _package(module))
    return places[moved]


def _package(module: str) -> str:
    return module.partition(".")[0]


def _known(kind: type[Any]) -> Iterator[type[Algorithm]]:
    """All algorithm classes defined in this process; of two with one name the later one comes last."""
    for found in kind.__subclasses__():
        yield from _known(found)
        yield found


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings with the lists of JSON turned back into tuples."""
    return {name: _tuples(value) for name, value in settings.items()}


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
