"""[grid]: which settings are swept, and which follow another setting."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pydantic import Field

from binland.errors import InvalidInputError, shown
from binland.sweep.contracts.algorithm import Algorithm
from binland.sweep.contracts.section import Positive, Section
from binland.sweep.messages import shown_key, unknown
from binland.sweep.spec import Axis, Point, Setup, SweepSpec, parse_follow, places

MOST_AXES = 2
MOST_POINTS = 100_000  # of a grid


class Repeats(Section):
    """[grid] without its axes: numbers of disorder samples and of solutions of each algorithm."""

    disorder_samples: Positive = Field(1, description="independent draws of the problem, at every point of the grid")
    solutions: Positive = Field(3, description="solutions of each algorithm, for every disorder sample")


@dataclass(frozen=True)
class Swept:
    """Reads [grid]. Settings of [data], [model] and of the algorithms may be swept.

    tables: [data], [model] and [algorithms] as given; swept keys are taken out of them.
    """

    sections: Mapping[str, type[Section]]
    kinds: Mapping[str, type[Algorithm]]
    tables: dict[str, Any]

    def read(self, grid: Mapping[str, Any]) -> tuple[tuple[Axis, ...], dict[str, str]]:
        """Axes, and settings that follow another one; raises InvalidInputError in one line."""
        keys = {given: self._full_key(given, value) for given, value in grid.items()}
        self._check_once(keys, grid)
        for key in keys.values():
            for table, name in places(self.tables, key):  # [grid] overrides what its table says
                table.pop(name, None)
        axes = [self._axis(given, keys[given], value) for given, value in grid.items() if not isinstance(value, str)]
        if len(axes) > MOST_AXES:
            raise InvalidInputError(f"grid: {len(axes)} settings are swept ({', '.join(grid)}); at most {MOST_AXES}")
        follow = {keys[given]: value for given, value in grid.items() if isinstance(value, str)}
        for key, text in follow.items():
            self._check_followed(key, text, {axis.key for axis in axes}, follow)
        return _with_names(axes), follow

    def _fields(self, table: str) -> list[str]:
        """Keys of [data] or [model] that may be swept."""
        return [name for name in self.sections[table].model_fields if name != "kind"]

    def _full_key(self, key: str, value: object) -> str:
        """A key of [grid] with its table's name in front; raises InvalidInputError if there is no such setting."""
        table, _, name = key.partition(".")
        if not name:
            return self._with_table(key, value)
        if table == "algorithms":
            self._check_of_algorithm(key, value)
        elif table not in self.sections or name not in self._fields(table):
            known = [f"{section}.{field}" for section in self.sections for field in self._fields(section)]
            raise InvalidInputError(unknown(f"grid: {key}", value, known))
        return key

    def _with_table(self, key: str, value: object) -> str:
        """The key with the name of the one table that has it."""
        having = [f"{table}.{key}" for table in self.sections if key in self._fields(table)]
        if len(having) == 1:
            return having[0]
        known = [*Repeats.model_fields, *(name for table in self.sections for name in self._fields(table))]
        raise InvalidInputError(unknown(f"grid.{key}", value, known))

    def _check_of_algorithm(self, key: str, value: object) -> None:
        label, _, name = key.removeprefix("algorithms.").rpartition(".")
        if label != "*" and label not in self.kinds:
            labels = ", ".join([*self.kinds, "*"])
            raise InvalidInputError(
                f"grid.{shown_key(key)} = {shown(value)}: is not algorithms.LABEL.SETTING with a label of {labels}"
            )
        for one, kind in self.kinds.items():
            if label in (one, "*"):
                check_field(kind, one, name, value)

    def _check_once(self, keys: Mapping[str, str], grid: Mapping[str, Any]) -> None:
        """Raise InvalidInputError if two keys of [grid] set the same setting."""
        taken: dict[tuple[int, str], str] = {}
        for given, key in keys.items():
            for table, name in places(self.tables, key):
                other = taken.setdefault((id(table), name), given)
                if other != given:
                    line = f"grid.{given} = {shown(grid[given])}: grid.{other} sets it, too; remove one of them"
                    raise InvalidInputError(line)

    def _axis(self, given: str, key: str, values: Any) -> Axis:
        """An axis from a list of numbers."""
        _check_values(f"grid.{given} = {shown(values)}", values)
        table, name = key.split(".", 1)
        if table == "algorithms":
            label, name = name.rsplit(".", 1)
            return Axis(key, name, tuple(values), name, name if label == "*" else f"{name} of {label}")
        field = self.sections[table].model_fields[name]
        return Axis(key, name, tuple(values), field.title or name, field.description or name)

    def _check_followed(self, key: str, text: str, swept: set[str], follow: Mapping[str, str]) -> None:
        """Raise InvalidInputError unless the followed setting is a number that is swept, given, or has a default."""
        before = f"grid.{key} = {shown(text)}"
        try:
            _, source = parse_follow(text)
        except InvalidInputError as error:
            raise InvalidInputError(f"grid.{key} = {error}") from None
        if source in follow:
            raise InvalidInputError(f"{before}: {source} follows another setting itself; name that one")
        table, name = source.split(".", 1)
        if source in swept:
            return
        if table not in self.sections or name not in self._fields(table):
            raise InvalidInputError(f"{before}: {shown_key(source)} is not a number of [data] or [model]")
        given = self.tables[table].setdefault(name, self.sections[table].model_fields[name].default)
        if not _is_number(given):
            raise InvalidInputError(f"{before}: {shown_key(source)} is not a number of [data] or [model]")


def flat(grid: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as one table with dotted keys, whether or not these were quoted in the file."""
    keys: dict[str, Any] = {}
    for key, value in grid.items():
        keys |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return keys


def check_field(kind: type[Algorithm], label: str, key: str, value: object) -> None:
    """Raise InvalidInputError unless the algorithm has such a setting."""
    allowed = [field.name for field in fields(kind) if field.init]  # type: ignore[arg-type]
    if key not in allowed:
        raise InvalidInputError(unknown(f"algorithms.{label}.{key}", value, [*allowed, "kind"]))


def _check_values(before: str, values: Any) -> None:
    if not isinstance(values, list) or not values:
        raise InvalidInputError(f"{before}: is not a list with numbers, such as [1, 2, 3]")
    for value in values:
        if not _is_number(value):
            raise InvalidInputError(f"{before}: {shown(value)} is not a number from -1e300 to 1e300")
    if len({*values}) < len(values):
        raise InvalidInputError(f"{before}: each value may occur once")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e300


def _with_names(axes: list[Axis]) -> tuple[Axis, ...]:
    """Axes with distinct dimension names: the last part of the key or, if two share it, the whole key."""
    names = [axis.name for axis in axes]
    return tuple(axis._replace(name=axis.key) if names.count(axis.name) > 1 else axis for axis in axes)


def check_points(spec: SweepSpec) -> None:
    """Raise InvalidInputError unless every point of the grid is possible and no two algorithms are the same."""
    count = 1
    for axis in spec.axes:
        count *= len(axis.values)
    if count > MOST_POINTS:
        keys = " and ".join(axis.key for axis in spec.axes)
        raise InvalidInputError(f"grid: {keys} make {count} points; at most {MOST_POINTS}")
    for point in spec.points:
        setup = _setup(spec, point)
        try:
            spec.family.takes(setup.model, setup.inputs)
            spec.problem.check_samples(setup.data, spec.disorder_samples)
        except ValueError as error:
            raise InvalidInputError(str(error)) from None
    if not any(axis.key.startswith("algorithms.") for axis in spec.axes):
        _check_different(spec.at(spec.points[0]))


def _check_different(setup: Setup) -> None:
    first: dict[str, str] = {}
    for label, algorithm in setup.algorithms.items():
        name = f"{type(algorithm).__qualname__} {sorted(vars(algorithm).items())!r}"
        same = first.setdefault(name, label)
        if same != label:
            raise InvalidInputError(
                f"algorithms.{label} has the settings of {same} and would repeat its numbers; remove it, or raise"
                " grid.solutions for more runs"
            )


def _setup(spec: SweepSpec, point: Point) -> Setup:
    """The settings at a point; for a bad one the message says which value of [grid] it comes from."""
    try:
        return spec.at(point)
    except InvalidInputError as error:
        text, keys = str(error), [*(axis.key for axis in spec.axes), *spec.follow]
        if text.startswith(tuple(f"{key} = " for key in keys)):
            text = f"grid.{text}"
        elif text.startswith("algorithms.") and any(key.startswith("algorithms.") for key in keys):
            values = zip(spec.axes, point, strict=True)
            text += f" (grid: {', '.join(f'{axis.key} = {axis.values[place]}' for axis, place in values)})"
        raise InvalidInputError(text) from None
