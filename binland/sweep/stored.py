"""Checks, before anything runs, that a file can hold what a sweep stores; plug-ins may declare anything."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from binland.errors import InvalidInputError, reason, shown
from binland.sweep.contracts.measure import Measure
from binland.sweep.contracts.variable import TYPES, Coordinate, Variable
from binland.sweep.spec import Setup, SweepSpec
from binland.sweep.words import STATES

if TYPE_CHECKING:
    from binland.sweep.store.layout import Layout

NAME = re.compile(r"[^\W\d]\w{0,99}")
OF_TASKS = ("seconds", "state", "failure", "id")


def check_stored(spec: SweepSpec) -> None:
    """Raise InvalidInputError unless variables, dimensions and repeats of family and measures are valid."""
    own = _asked("the family", spec.family.variables)
    _check_family(spec, own)
    owners: dict[str, str] = dict.fromkeys([*own, "history"], "the family")
    for name, (measure, settings) in spec.measures.items():
        who = f"measure.{name}"
        variables = _asked(who, measure.variables, settings)
        dims = _asked(who, measure.coordinates, settings)
        _check_variables(who, variables, {STATES, *dims})
        _check_dims(who, dims)
        _check_repeats(who, measure, settings)
        for variable in variables:
            owner = owners.setdefault(variable, who)
            if owner != who:
                raise InvalidInputError(f"{who}: its variable {variable} is one of {owner} too; rename it")


def _asked(who: str, ask: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """What a plug-in's function returns; whatever it raises becomes InvalidInputError."""
    try:
        return dict(ask(*arguments))
    except InvalidInputError:
        raise
    except Exception as error:
        raise InvalidInputError(f"{who}: cannot say what it stores ({reason(error)}); mend the plug-in") from None


def _check_family(spec: SweepSpec, variables: dict[str, Variable]) -> None:
    for setup in (spec.at(point) for point in spec.points):
        dims = _lengths(spec, setup)
        _check_dims("the family", dims)
        _check_variables("the family", variables, {*dims})
    for key in ("rebuilt_from", "latents"):
        missing = [name for name in getattr(spec.family, key) if name not in variables]
        if missing:
            raise InvalidInputError(f"the family: {key} names {shown(missing[0])}, which is none of its variables")
    needed = [name for name in spec.family.rebuilt_from if variables[name].optional]
    if needed:
        raise InvalidInputError(f"the family: {needed[0]} is optional, and solutions are rebuilt from it; it cannot be")


def _lengths(spec: SweepSpec, setup: Setup) -> dict[str, Coordinate]:
    found: dict[str, Coordinate] = {}
    for algorithm in setup.algorithms.values():
        found |= _asked("the family", spec.family.lengths, setup.model, setup.inputs, algorithm)
    return found


def _check_variables(who: str, variables: Mapping[str, Variable], dims: set[str]) -> None:
    for name, variable in variables.items():
        _check_name(who, "variable", name)
        if not isinstance(variable, Variable):
            raise InvalidInputError(f"{who}: {name} is {shown(variable)}, not a Variable; mend the plug-in")
        if not isinstance(variable.dtype, str) or variable.dtype not in TYPES:
            raise InvalidInputError(
                f"{who}: {name} has the dtype {shown(variable.dtype)}, not one of {', '.join(TYPES)}"
            )
        if not all(isinstance(text, str) and text.isprintable() for text in (variable.units, variable.meaning)):
            raise InvalidInputError(f"{who}: units and meaning of {name} are not texts of one line; mend the plug-in")
        if not isinstance(variable.inner, tuple | list) or len({*variable.inner}) < len(variable.inner):
            raise InvalidInputError(f"{who}: {name} has {shown(variable.inner)} for different dimensions")
        unknown = [dim for dim in variable.inner if dim not in dims]
        if unknown:
            known = ", ".join(sorted(dims))
            raise InvalidInputError(f"{who}: {name} has the dimension {shown(unknown[0])}, which is none of {known}")


def _check_dims(who: str, dims: Mapping[str, Coordinate]) -> None:
    for name, coordinate in dims.items():
        _check_name(who, "dimension", name)
        values = coordinate.values if isinstance(coordinate, Coordinate) else None
        counted = isinstance(values, int) and not isinstance(values, bool) and values >= 0
        if not counted and not (isinstance(values, tuple) and _are_labels(values)):
            raise InvalidInputError(
                f"{who}: the dimension {name} is {shown(coordinate)}, neither a number nor a tuple of different labels,"
                " all numbers or all texts"
            )
        if not isinstance(coordinate.meaning, str) or not coordinate.meaning.isprintable():
            raise InvalidInputError(f"{who}: the meaning of {name} is not a text of one line; mend the plug-in")


def _are_labels(values: tuple[Any, ...]) -> bool:
    texts = all(isinstance(value, str) and value.isprintable() for value in values)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if not values or not (texts or (numbers and all(math.isfinite(value) for value in values))):
        return False
    return len({*values}) == len(values)


def _check_name(who: str, what: str, name: object) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InvalidInputError(f"{who}: {shown(name)} is no name of a {what}: letters, digits and _, at most 100")


def _check_repeats(who: str, measure: Measure[Any], settings: Any) -> None:
    try:
        count: object = measure.repeats(settings)
    except Exception as error:
        count = error
    if type(count) is not int or count < 1:
        raise InvalidInputError(
            f"{who}: repeats = {shown(count)} is not a whole number of at least 1; mend the plug-in"
        )
    if count > 1 and not measure.repeat:
        raise InvalidInputError(f"{who}: repeats {count} times and has no name for it; set repeat = '...'")


def check_names(layout: "Layout") -> None:
    """Raise InvalidInputError if two things in a file have the same name."""
    owners: dict[str, str] = {}
    _own(owners, "the grid", [axis.name for axis in layout.axes] + ["disorder", "algorithm"])
    for name in dict.fromkeys(kind.dim for kind in layout.kinds.values()):
        _own(owners, f"the tasks of {name} (a dimension)", [name])
    along = {name: kind.dim for kind in layout.kinds.values() for name in layout.along(kind)}
    for name, dim in along.items():
        _own(owners, f"the dimension {dim}", [name])
    _own(owners, "the problem or the family (a coordinate)", layout.extras)
    _own(owners, "the dimensions of what is stored", layout.inner)
    for kind in layout.kinds.values():
        _own(owners, f"the tasks of {kind.name}", [f"{kind.name}_{name}" for name in OF_TASKS])
        _own(owners, f"what {kind.name} gives", kind.variables)


def _own(owners: dict[str, str], who: str, names: Iterable[str]) -> None:
    for name in names:
        other = owners.setdefault(name, who)
        if other != who:
            raise InvalidInputError(f"{who}: the name {shown(name)} belongs to {other} too; rename one of them")
