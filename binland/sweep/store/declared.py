"""The layout that a file of results declares in an attribute, checked because a stranger may have made it."""

import json
import math
import re
from collections.abc import Collection
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from binland.errors import one_line
from binland.sweep.contracts.variable import TYPES, Coordinate, Variable
from binland.sweep.spec import Axis
from binland.sweep.store.layout import OF_TASKS, Extra, Kind, Layout
from binland.sweep.words import ACROSS, TRAINING

MOST_TASKS = 5_000_000
MOST_NUMBERS = 2**40  # of a dimension ...
MOST_LABELS = 10_000_000  # ... and of one whose numbers are listed in the file
NAME = re.compile(r"^[^\W\d][\w .,*=+-]{0,200}$")

Number = Annotated[float, Field(allow_inf_nan=False)] | Annotated[int, Field(ge=-(2**63), lt=2**63)]
Words = Annotated[str, Field(max_length=1000)]
Label = Annotated[str, Field(max_length=10_000)]


MANY = Field(max_length=1000)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Axis(_Table):
    key: Words
    name: str
    values: Annotated[list[Number], Field(min_length=1, max_length=100_000)]
    symbol: Words
    meaning: Words


class _Variable(_Table):
    inner: list[str]
    dtype: str
    units: Words
    meaning: Words
    large: bool
    optional: bool


class _Kind(_Table):
    name: str
    of: Annotated[int, Field(ge=1, le=1000)]
    dim: str
    repeat: str
    repeats: Annotated[int, Field(ge=1, le=10_000_000)]
    across: bool
    variables: Annotated[dict[str, _Variable], MANY]


class _Coordinate(_Table):
    values: list[Number] | list[Label] | Annotated[int, Field(ge=0, le=MOST_NUMBERS)]
    meaning: Words
    labelled: bool


class _Extra(_Table):
    dims: list[str]
    values: list[Any] | Number
    meaning: Words


class _Words(_Table):
    distance: Words
    perturbation: Words
    summary: Words


class _Layout(_Table):
    axes: Annotated[list[_Axis], Field(max_length=10)]
    disorder_samples: Annotated[int, Field(ge=1, le=10_000_000)]
    labels: Annotated[list[Label], Field(min_length=1, max_length=100_000)]
    solutions: Annotated[int, Field(ge=1, le=10_000_000)]
    kinds: Annotated[list[_Kind], Field(min_length=1, max_length=1000)]
    inner: Annotated[dict[str, _Coordinate], MANY]
    extras: Annotated[dict[str, _Extra], MANY]
    sizes: Annotated[dict[str, list[Annotated[int, Field(ge=0, le=MOST_NUMBERS)]]], MANY]
    states_shown: Annotated[int, Field(ge=1, le=100)]
    words: _Words


def layout_from(text: str) -> Layout:
    """The layout of a text; raises ValueError with one line unless a file can have it."""
    try:
        plain = _Layout.model_validate(json.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"its layout is none ({one_line(place, 100)}: {one_line(first['msg'], 100)})") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its layout cannot be read ({one_line(str(error), 100)})") from None
    layout = Layout(
        axes=tuple(Axis(one.key, one.name, tuple(one.values), one.symbol, one.meaning) for one in plain.axes),
        disorder_samples=plain.disorder_samples,
        labels=tuple(plain.labels),
        solutions=plain.solutions,
        kinds={one.name: _kind(one) for one in plain.kinds},
        inner={name: _coordinate(one) for name, one in plain.inner.items()},
        extras=dict.fromkeys(plain.extras, Extra((), np.array(0.0), "")),
        sizes={name: tuple(lengths) for name, lengths in plain.sizes.items()},
        states_shown=plain.states_shown,
        words=plain.words.model_dump(),
    )
    _check(layout, len(plain.kinds))
    layout.extras.update({name: _extra(layout, name, one) for name, one in plain.extras.items()})
    return layout


def _kind(one: _Kind) -> Kind:
    variables = {
        name: Variable(tuple(of.inner), of.dtype, of.units, of.meaning, of.large, of.optional)
        for name, of in one.variables.items()
    }
    return Kind(one.name, one.of, one.dim, one.repeat, one.repeats, one.across, variables)


def _coordinate(one: _Coordinate) -> Coordinate:
    coordinate = Coordinate(one.values if isinstance(one.values, int) else tuple(one.values), one.meaning, one.labelled)
    if coordinate.labelled and coordinate.length > MOST_LABELS:
        raise ValueError(f"its layout has a dimension with {coordinate.length} labels; at most {MOST_LABELS}")
    return coordinate


def _extra(layout: Layout, name: str, one: _Extra) -> Extra:
    axes = {axis.name: len(axis.values) for axis in layout.axes}
    try:
        values = np.array(one.values, float)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"its coordinate {one_line(name, 100)} holds no numbers") from None
    if not {*one.dims} <= {*axes} or values.shape != tuple(axes[dim] for dim in one.dims):
        raise ValueError(f"its coordinate {one_line(name, 100)} does not fit its axes")
    return Extra(tuple(one.dims), values, one.meaning)


def _check(layout: Layout, n_kinds: int) -> None:
    """Raise ValueError unless names are valid, dimensions exist and numbers are not too large."""
    if len(layout.kinds) < n_kinds or layout.kinds.get(TRAINING, ())[1:6] != (1, TRAINING, "", 1, False):
        raise ValueError("its layout has no kinds of tasks of their own, or no trainings")
    for kind in layout.kinds.values():
        _check_kind(layout, kind)
    _check_axes(layout)
    _check_names(layout)
    for name, variable in ((name, of) for kind in layout.kinds.values() for name, of in kind.variables.items()):
        if variable.dtype not in TYPES or not {*variable.inner} <= {*layout.inner}:
            raise ValueError(f"its variable {one_line(name, 100)} has another type or other dimensions than there are")
        if len({*variable.inner}) < len(variable.inner):
            raise ValueError(f"its variable {one_line(name, 100)} has one dimension twice")
    if any(_repeats(one.values) for one in layout.inner.values() if not isinstance(one.values, int)):
        raise ValueError("its layout has a dimension with one value twice")
    if any(dim not in layout.inner or len(of) != len(layout.points) for dim, of in layout.sizes.items()):
        raise ValueError("its layout has lengths of dimensions that there are not, or not one for each point")


def _check_kind(layout: Layout, kind: Kind) -> None:
    """Raise ValueError if a kind has more tasks than a file can hold, or a wrong dimension."""
    tasks = math.prod(len(axis.values) for axis in layout.axes) * layout.disorder_samples * len(layout.labels)
    tasks *= layout.solutions ** min(kind.of, 2) * kind.repeats * (len(layout.labels) if kind.across else 1)
    if tasks > 2 * MOST_TASKS:
        raise ValueError(f"its layout has {tasks} tasks of a kind; at most {2 * MOST_TASKS}")
    usual = ACROSS.rstrip("_") if kind.across else {1: TRAINING, 2: "pair"}.get(kind.of, kind.name)
    if kind.dim != (kind.name if kind.repeat else usual) or (kind.repeats > 1 and not kind.repeat):
        raise ValueError(f"its kind of tasks {one_line(kind.name, 100)} has another dimension than it should")
    if kind.across and (kind.of != 2 or not kind.name.startswith(ACROSS) or len(layout.labels) < 2):
        raise ValueError(f"its kind of tasks {one_line(kind.name, 100)} is not one of pairs of two algorithms")


def _check_axes(layout: Layout) -> None:
    if _repeats(layout.labels) or _repeats([axis.name for axis in layout.axes]):
        raise ValueError("its layout has two algorithms or two axes of one name")
    if any(_repeats(axis.values) for axis in layout.axes):
        raise ValueError("its layout has an axis with one value twice")


def _check_names(layout: Layout) -> None:
    """Raise ValueError if two things have the same name."""
    kinds = layout.kinds.values()
    dims = [*layout.inner, *(axis.name for axis in layout.axes), "disorder", "algorithm", *{kind.dim for kind in kinds}]
    along = {name for kind in kinds for name in layout.along(kind)}
    of_tasks = [f"{kind}_{name}" for kind in layout.kinds for name in (*OF_TASKS, "failure", "id")]
    names = [*dims, *along, *of_tasks, *layout.extras, *(name for kind in kinds for name in kind.variables)]
    if not all(map(NAME.match, [*names, *layout.kinds])) or _repeats(names):
        raise ValueError("its layout has names that are none, or twice the same")


def _repeats(values: Collection[Any]) -> bool:
    return len({*values}) < len(values)
