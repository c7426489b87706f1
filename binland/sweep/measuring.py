"""[measure] and [figure]: what a sweep measures, and how it is drawn."""

from collections.abc import Mapping
from typing import Any

from binland.errors import InvalidInputError, shown
from binland.sweep import registry
from binland.sweep.contracts.family import has
from binland.sweep.contracts.measure import Measure
from binland.sweep.contracts.statement import Statement
from binland.sweep.messages import unknown
from binland.sweep.spec import SweepSpec, validated
from binland.sweep.stored import check_stored
from binland.sweep.tasks import between_algorithms

Known = Mapping[str, Measure[Any]]


def with_measures(spec: SweepSpec, tables: Any, latents: bool | None, complete: bool) -> SweepSpec:
    """The sweep with its measures.

    tables: [measure]. complete: whether it names every measure, so that none is added by default. latents: whether
    latent weights are stored; None stores them if a measure needs them. Raises InvalidInputError if a family lacks what
    a measure needs, or there are too few solutions.
    """
    if not isinstance(tables, Mapping):
        raise InvalidInputError(f"measure = {shown(tables)} is not a table")
    known = registry.measures(tables)
    _check_names(known, tables)
    chosen: dict[str, tuple[Measure[Any], Any]] = {}
    for name, measure in in_order(known).items():
        table = tables.get(name, measure.by_default and not complete)
        settings = None if table is False else _settings(spec, measure, table, asked=name in tables)
        if settings is not None:
            chosen[name] = measure, settings
    needing = [name for name, (measure, _) in chosen.items() if measure.latents == "needed"]
    if needing and latents is False:
        raise InvalidInputError(f"measure.{needing[0]} needs latent weights; set store.latents = true")
    spec = spec.changed(measures=chosen, latents=bool(needing) if latents is None else latents)
    check_stored(spec)
    return spec


def in_order(known: Known) -> dict[str, Measure[Any]]:
    """Measures in the order of their tasks: those of fewer solutions first."""
    return dict(sorted(known.items(), key=lambda item: (item[1].of, bool(item[1].repeat), item[0])))


def _check_names(known: Known, tables: Mapping[str, Any]) -> None:
    for name, table in tables.items():
        if name not in known:
            raise InvalidInputError(f"{unknown(f'measure.{name}', table, known)}{registry.failures()}")
        if not isinstance(table, Mapping | bool):
            raise InvalidInputError(f"measure.{name} = {shown(table)} is not a table, true or false")


def _settings(spec: SweepSpec, measure: Measure[Any], table: Any, asked: bool) -> Any:
    """Settings of a measure; None if it is one by default and cannot be made or has nothing to measure."""
    name = f"measure.{measure.name}"
    settings = validated(measure.Settings, {} if table is True else table, name)
    missing = [verb for verb in measure.needs(settings) if not has(spec.family, verb)]
    few = spec.solutions < measure.of
    if measure.by_default and (missing or few) and not asked:
        return None
    if missing:
        kind = shown(spec.at(spec.points[0]).model.kind)
        raise InvalidInputError(f"{name} is not for model.kind = {kind}, which has no {missing[0]}; remove it")
    if few and measure.by_default and not between_algorithms(measure, settings):
        return None  # its settings are allowed, and there is nothing to measure
    if few:
        raise InvalidInputError(
            f"{name} looks at {measure.of} solutions; set grid.solutions >= {measure.of} (not {spec.solutions})"
        )
    _check_weights(spec, measure, settings)
    try:
        return measure.completed(settings, spec.at(spec.points[0]).described)
    except ValueError as error:
        raise InvalidInputError(f"{name}: {error}") from None


def _check_weights(spec: SweepSpec, measure: Measure[Any], settings: Any) -> None:
    most = measure.most_weights(settings)
    if most is None:
        return
    setups = (spec.at(point) for point in spec.points)
    largest = max(spec.family.n_weights(setup.model, setup.inputs) for setup in setups)
    if largest > most:
        raise InvalidInputError(
            f"measure.{measure.name} is for models of at most {most} weights, not {largest}: choose less, or remove it"
        )


def figures(spec: SweepSpec, tables: dict[str, Any]) -> dict[str, Any]:
    """The tables of [figure], checked: settings of figures of the measures, and statements."""
    stated, tables = tables.get(STATEMENTS), {name: tables[name] for name in tables if name != STATEMENTS}
    own = {} if stated is None else {STATEMENTS: _statements(stated)}
    return own | _figures(spec, tables)


STATEMENTS = "statements"


def _statements(tables: Any) -> list[dict[str, Any]]:
    """[[figure.statements]]"""
    if not isinstance(tables, list):
        raise InvalidInputError(
            f"figure.{STATEMENTS} = {shown(tables)} is no list of tables; write [[figure.{STATEMENTS}]]"
        )
    return [_statement(table).model_dump() for table in tables]


def _statement(table: Any) -> Any:
    if not isinstance(table, Mapping):
        raise InvalidInputError(f"figure.{STATEMENTS}: {shown(table)} is not a table; write [[figure.statements]]")
    return validated(Statement, table, f"figure.{STATEMENTS}")


def _figures(spec: SweepSpec, tables: dict[str, Any]) -> dict[str, Any]:
    """Settings of figures of the measures."""
    for name in tables.keys() - registry.measures(tables).keys():
        raise InvalidInputError(unknown(f"figure.{name}", tables[name], spec.measures))
    return {name: _figure(spec, name, tables[name]) for name in spec.measures if name in tables}


def _figure(spec: SweepSpec, name: str, table: Any) -> dict[str, Any]:
    measure, settings = spec.measures[name]
    if not isinstance(table, Mapping):
        raise InvalidInputError(f"figure.{name} = {shown(table)} is not a table")
    figure = validated(measure.FigureSettings, table, f"figure.{name}")
    try:
        measure.check_figure(settings, figure)
    except ValueError as error:
        raise InvalidInputError(f"figure.{name}: {error}") from None
    return figure.model_dump()
