"""A sweep as checked values: problem, family, algorithms, measures and a grid. `config` makes one."""

import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from pydantic import ValidationError

from binland.errors import InvalidInputError, reason, shown
from binland.sweep.contracts.algorithm import Algorithm
from binland.sweep.contracts.family import Family
from binland.sweep.contracts.measure import Measure
from binland.sweep.contracts.problem import Inputs, Problem
from binland.sweep.contracts.section import Section
from binland.sweep.identity import canonical_json, plain_number
from binland.sweep.messages import explain
from binland.sweep.plugins import Plugin

Point = tuple[int, ...]  # the place of each axis' value
FOLLOW = re.compile(
    r"^\s*(?:(?P<first>[0-9.eE+-]+)\s*\*\s*)?(?P<key>[^*/]+?)\s*(?:(?P<sign>[*/])\s*(?P<last>[0-9.eE+-]+)\s*)?$"
)


class Axis(NamedTuple):
    """A swept setting.

    key: such as "data.n_patterns". name: of the dimension in files. symbol, meaning: for figures.
    """

    key: str
    name: str
    values: tuple[float, ...]
    symbol: str
    meaning: str


def points_of(axes: Iterable[Axis]) -> list[Point]:
    """All points of some axes, the last one running fastest."""
    return list(itertools.product(*(range(len(axis.values)) for axis in axes)))


class Setup(NamedTuple):
    """Everything at one point of the grid: settings of problem and family, inputs, algorithms by label."""

    data: Any
    model: Any
    inputs: Inputs
    algorithms: dict[str, Algorithm]
    described: dict[str, dict[str, Any]]  # kind and every setting of each, and its recipe if that is not the first
    problem_key: dict[str, Any]  # what names the problem,
    in_disorder: dict[str, Any]  # what of the model names its disorder samples, too,
    model_key: dict[str, Any]  # and what names the model


@dataclass(frozen=True, eq=False)
class SweepSpec:
    """A whole sweep. tables: [data], [model] and [algorithms] as given, without swept settings."""

    title: str
    seed: int
    plugins: tuple[Plugin, ...]
    problem: Problem[Any]
    family: Family[Any]
    tables: Mapping[str, dict[str, Any]]
    kinds: Mapping[str, type[Algorithm]]  # of each label
    compute: Section
    axes: tuple[Axis, ...]
    follow: Mapping[str, str]  # settings that follow another, as text
    disorder_samples: int
    solutions: int
    measures: Mapping[str, tuple[Measure[Any], Any]]  # with their settings, in the order of their tasks
    latents: bool  # whether latent weights are stored
    figure: Mapping[str, Any]

    @cached_property
    def points(self) -> list[Point]:
        """All points of the grid, in the order of the file."""
        return points_of(self.axes)

    @property
    def labels(self) -> list[str]:
        """Labels of the algorithms, in the order of the file."""
        return list(self.kinds)

    def at(self, point: Point) -> Setup:
        """The settings at a point of the grid."""
        if point not in self._setups:
            self._setups[point] = self._setup(point)
        return self._setups[point]

    @cached_property
    def _setups(self) -> dict[Point, Setup]:
        return {}

    def changed(self, **changes: Any) -> "SweepSpec":
        """The sweep with other measures, figures or stored latents."""
        other = replace(self, **changes)
        other._setups.update(self._setups)
        return other

    def _setup(self, point: Point) -> Setup:
        tables = self._tables(point)
        data = validated(self.problem.Settings, tables["data"], "data")
        model = validated(self.family.Settings, tables["model"], "model")
        inputs = checked_inputs(self.problem.inputs(data), self.problem.name)
        made = {label: build(self.kinds[label], label, tables["algorithms"][label]) for label in self.kinds}
        described = {label: _plain(made[label]) | _recipe(made[label]) for label in made}
        plain = model.identity()
        own = {key: plain[key] for key in self.family.in_disorder}
        return Setup(data, model, inputs, made, described, self.problem.key(data), own, self.family.key(model))

    def _tables(self, point: Point) -> dict[str, dict[str, Any]]:
        """[data], [model] and [algorithms] with the values of a point and the settings that follow them."""
        tables = {
            "data": dict(self.tables["data"]),
            "model": dict(self.tables["model"]),
            "algorithms": {label: dict(table) for label, table in self.tables["algorithms"].items()},
        }
        for axis, place in zip(self.axes, point, strict=True):
            for table, key in places(tables, axis.key):
                table[key] = axis.values[place]
        for key, text in self.follow.items():
            value = self._followed(tables, text)
            for table, name in places(tables, key):
                table[name] = round(value) if self._whole(key) and math.isfinite(value) else value
        return tables

    def _followed(self, tables: dict[str, Any], text: str) -> float:
        factor, key = parse_follow(text)
        (table, name), *_ = places(tables, key)
        return factor * table[name]

    def _whole(self, key: str) -> bool:
        """Whether a setting is an integer."""
        section, name = key.split(".", 1)
        if section == "algorithms":
            label, name = name.rsplit(".", 1)
            kinds = [kind for one, kind in self.kinds.items() if label in (one, "*")]
            return "float" not in str(kinds[0].__dataclass_fields__[name].type)  # type: ignore[attr-defined]
        declared = {"data": self.problem.Settings, "model": self.family.Settings}[section]
        return "float" not in str(declared.model_fields[name].annotation)

    def values(self, point: Point) -> dict[str, float]:
        """Values of the axes at a point, by name."""
        return {axis.name: axis.values[place] for axis, place in zip(self.axes, point, strict=True)}

    def resolved(self) -> dict[str, Any]:
        """All settings as plain data, defaults included; labels in the order of the file."""
        first = self.at(self.points[0])
        swept = {axis.key for axis in self.axes} | {*self.follow}
        dumps = {
            "data": {"kind": self.problem.name, **first.data.plain()},
            "model": first.model.plain(),
        }
        tables = {
            name: {key: value for key, value in dump.items() if f"{name}.{key}" not in swept}
            for name, dump in dumps.items()
        }
        algorithms = {
            label: {key: value for key, value in _plain(made).items() if not _is_swept(swept, label, key)}
            for label, made in first.algorithms.items()
        }
        grid = {axis.key: list(axis.values) for axis in self.axes} | dict(self.follow)
        return {
            "title": self.title,
            "seed": self.seed,
            "plugins": [plugin.plain() for plugin in self.plugins],
            **tables,
            "compute": self.compute.plain(),
            "grid": {**grid, "disorder_samples": self.disorder_samples, "solutions": self.solutions},
            "algorithms": algorithms,
            "measure": {name: settings.plain() for name, (_, settings) in self.measures.items()},
            "store": {"latents": self.latents},
            "figure": dict(self.figure),
        }

    def text(self) -> str:
        """All settings as JSON, from which `config.from_text` makes the sweep again."""
        return json.dumps(self.resolved(), default=plain_number)

    def identity(self) -> dict[str, Any]:
        """All settings that may change a number or what is stored; titles and figures do not."""
        first, settings = self.at(self.points[0]), self.resolved()
        for name, silent in (("data", first.data.silent), ("model", first.model.silent)):
            settings[name] = {key: value for key, value in settings[name].items() if key not in silent}
        return {key: value for key, value in settings.items() if key not in ("title", "plugins", "figure")}

    def canonical(self) -> str:
        """`identity` as JSON with sorted keys: equal sweeps have equal text."""
        return canonical_json(self.identity())


def validated(section: type[Section], table: Mapping[str, Any], name: str) -> Any:
    """A table as an instance of its section; raises InvalidInputError with one line that names the key."""
    try:
        return section.model_validate(dict(table))
    except ValidationError as error:
        raise InvalidInputError(explain(error, section, name)) from None


def checked_inputs(inputs: Any, name: str) -> Inputs:
    """The inputs that a problem declares; raises InvalidInputError if no model could take them."""
    if not isinstance(inputs, Inputs) or not isinstance(inputs.shape, tuple) or not inputs.shape:
        raise InvalidInputError(
            f"data.kind = {name!r}: its inputs are {shown(inputs)}, not Inputs((N,)); mend the plug-in"
        )
    if not all(isinstance(count, int) and count >= 1 for count in (*inputs.shape, inputs.n_classes - 1)):
        raise InvalidInputError(f"data.kind = {name!r}: {shown(inputs)} has a length below 1, or fewer than 2 classes")
    if inputs.values not in ("signs", "reals"):
        raise InvalidInputError(f"data.kind = {name!r}: values = {shown(inputs.values)} is neither signs nor reals")
    return inputs


def build(kind: type[Algorithm], label: str, table: Mapping[str, Any]) -> Algorithm:
    """An algorithm from its table."""
    try:
        algorithm = kind(**table)
        for name in ("n_records", "n_steps"):
            count = getattr(algorithm, name)
            if not isinstance(count, int) or count < 0:
                raise InvalidInputError(
                    f"{name} = {shown(count)} is not a whole number of at least 0; mend the plug-in"
                )
        canonical_json(vars(algorithm))
    except InvalidInputError as error:
        raise InvalidInputError(f"algorithms.{label}: {error}") from None
    except Exception as error:
        raise InvalidInputError(f"algorithms.{label}: {reason(error)}") from None
    return algorithm


def _plain(algorithm: Algorithm) -> dict[str, Any]:
    """Kind and all settings of an algorithm, without those that were added later and are at their default."""
    usual = {name: getattr(type(algorithm), name) for name in algorithm.added}
    kept = {name: value for name, value in vars(algorithm).items() if name not in usual or value != usual[name]}
    return {"kind": type(algorithm).__name__, **kept}


def _recipe(algorithm: Algorithm) -> dict[str, int]:
    """The recipe number of an algorithm, if it is not 1."""
    return {} if algorithm.recipe == 1 else {"recipe": algorithm.recipe}


def places(tables: Mapping[str, Any], key: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The tables that a key such as "data.n_patterns", "algorithms.LABEL.epochs" or "algorithms.*.epochs" refers to."""
    section, name = key.split(".", 1)
    if section != "algorithms":
        yield tables[section], name
        return
    label, name = name.rsplit(".", 1)
    for one, table in tables[section].items():
        if label in (one, "*"):
            yield table, name


def _is_swept(swept: set[str], label: str, name: str) -> bool:
    return f"algorithms.{label}.{name}" in swept or f"algorithms.*.{name}" in swept


def parse_follow(text: str) -> tuple[float, str]:
    """Factor and key of a text such as "0.5 * model.n_inputs" or "data.n_inputs / 3"; raises InvalidInputError."""
    match = FOLLOW.match(text)
    try:
        if match is None or "." not in match["key"]:
            raise ValueError
        factor, last = float(match["first"] or 1), float(match["last"] or 1)
        factor = factor / last if match["sign"] == "/" else factor * last
        if not math.isfinite(factor):
            raise ValueError
        return factor, match["key"]
    except (ValueError, ZeroDivisionError):
        raise InvalidInputError(
            f"{shown(text)} is neither a list of numbers, such as [1, 2, 3], nor a number times another setting, such"
            ' as "0.5 * data.n_inputs"'
        ) from None
