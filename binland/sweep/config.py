"""From a TOML file, or its tables, to a checked sweep, before anything runs."""

import json
import tomllib
import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field

from binland.checks import checked_path
from binland.errors import InvalidInputError, shown
from binland.sweep import older, plugins, registry
from binland.sweep.blame import blamed
from binland.sweep.contracts.algorithm import Algorithm
from binland.sweep.contracts.family import Family
from binland.sweep.contracts.problem import Problem
from binland.sweep.contracts.section import FILES_MAY_BE_READ, Section, Text, with_paths
from binland.sweep.grid import Repeats, Swept, check_field, check_points, flat
from binland.sweep.measuring import figures, with_measures
from binland.sweep.messages import did_you_mean, shown_key, unknown
from binland.sweep.naming import task_identity
from binland.sweep.spec import SweepSpec, validated
from binland.sweep.store.layout import layout_of
from binland.sweep.stored import check_names
from binland.sweep.tasks import count_tasks

PROFILES = ("smoke", "cpu")  # tables that override the rest: seconds, or a small computer
TABLES = ("title", "seed", "plugins", "data", "model", "compute", "grid", "algorithms", "measure", "store", "figure")
LARGEST_SWEEP = 2_000_000  # tasks
LARGEST_RESULT = 10**7  # numbers that a task returns for one variable
LONGEST_TEXT = 1000  # letters of a title or a label
LONGEST_CONFIG = 10_000_000  # bytes


class Head(Section):
    """Keys above the tables of a configuration."""

    title: Text = Field("", description="headline of figures and of `binland status`; changes no number")
    seed: int = Field(
        0, ge=0, lt=2**63, description="with the name of each random stream, the origin of all that is drawn"
    )
    plugins: list[Any] = Field(
        [],
        max_length=100,
        description="names of modules with measures, algorithms, problems or families of your own: files beside the"
        " configuration, or installed ones",
    )


class StoreSpec(Section):
    """[store]: what is kept besides the measurements and the binary weights."""

    latents: bool | None = Field(
        None, description="keep the continuous weights, too; if nothing is said, only if a measure needs them"
    )


def load_spec(path: str | Path, profile: str | None = None) -> SweepSpec:
    """Read and check a TOML file; see `spec_of`. Its plug-ins are looked for in its folder."""
    path = checked_path("config", path)
    try:
        if path.stat().st_size > LONGEST_CONFIG:
            raise ValueError(f"it has more than {LONGEST_CONFIG} bytes")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path}: is not UTF-8 text; give the path of a TOML file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidInputError(f"{path}: cannot read it ({reason}); give the path of a TOML file") from None
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise InvalidInputError(f"{path}: not valid TOML: {error}") from None
    return spec_of(tables, str(path), profile, path.parent)


def spec_of(
    tables: Mapping[str, Any], source: str, profile: str | None = None, folder: Path | None = None
) -> SweepSpec:
    """The sweep that the tables of a configuration describe; a profile's table, [smoke] or [cpu], overrides the rest.

    folder: where files named in it are looked for, by default the current folder. source: name of the file in messages.
    Raises InvalidInputError with one line that names key, value and what is allowed. Warns about unusual settings.
    """
    folder = Path.cwd() if folder is None else folder
    settings = {key: value for key, value in tables.items() if key not in PROFILES}
    profiles = {name: tables[name] for name in PROFILES if name in tables}
    for name, overrides in profiles.items():
        if not isinstance(overrides, Mapping):
            raise InvalidInputError(f"{source}: {name} = {shown(overrides)} is not a table of settings to override")
    _check_texts(settings, source)
    specs: dict[str | None, SweepSpec] = {None: check_settings(settings, source, folder)}
    for name, overrides in profiles.items():
        specs[name] = check_settings(_merged(settings, overrides), f"{source} with [{name}]", folder)
    if not isinstance(profile, str | None) or profile not in specs:
        there = ", ".join(f"[{name}]" for name in profiles) or "none"
        raise InvalidInputError(f"{source}: has no table [{shown_key(profile)}] for that profile; it has {there}")
    spec = specs[profile]
    with blamed():
        messages = dict.fromkeys(_warnings(spec))
    for message in messages:
        warnings.warn(f"{source}: {message}", stacklevel=3)
    return spec


def _check_texts(settings: Mapping[str, Any], source: str) -> None:
    """Raise InvalidInputError if a title or label is too long; files of results may have longer ones."""
    algorithms = settings.get("algorithms")
    labels = [*algorithms] if isinstance(algorithms, Mapping) else []
    for what, text in (("title", settings.get("title")), *(("a label of [algorithms]", label) for label in labels)):
        if isinstance(text, str) and len(text) > LONGEST_TEXT:
            raise InvalidInputError(f"{source}: {what} has {len(text)} letters; at most {LONGEST_TEXT}")


def check_settings(
    settings: Mapping[str, Any],
    source: str,
    folder: Path | None = None,
    imports: bool = True,
    complete: bool = False,
) -> SweepSpec:
    """A sweep from plain data; `source` names it in messages.

    imports: whether to import its plug-ins and look at its files. complete: whether it names every measure, as
    `SweepSpec.resolved` does, so that none is added by default.
    """
    token = FILES_MAY_BE_READ.set(imports)
    try:
        return bind(settings, Path.cwd() if folder is None else folder, imports, complete)
    except InvalidInputError as error:
        raise InvalidInputError(f"{source}: {error}") from None
    finally:
        FILES_MAY_BE_READ.reset(token)


def from_text(text: str) -> SweepSpec:
    """The inverse of `SweepSpec.text`."""
    return _from_text(text, registry.version())


@lru_cache(maxsize=8)
def _from_text(text: str, version: int) -> SweepSpec:
    """Cached; `version` makes it anew after something was registered."""
    return bind(json.loads(text), Path.cwd(), complete=True)


@blamed()
def bind(settings: Mapping[str, Any], folder: Path, imports: bool = True, complete: bool = False) -> SweepSpec:
    """The sweep that settings describe; raises InvalidInputError in one line, also for exceptions of a plug-in."""
    tables = older.modern(settings)
    for key in tables:
        if key not in TABLES:
            raise InvalidInputError(unknown(str(key), tables[key], [*TABLES, *PROFILES]))
    head = validated(Head, {key: tables[key] for key in ("title", "seed", "plugins") if key in tables}, "")
    loaded = plugins.load(head.plugins, folder, imports)
    family = _family(_table(tables, "model"))
    data = _table(tables, "data")
    problem = _problem(data.pop("kind", family.problem))
    data = with_paths(problem.Settings, data, folder)
    kinds, algorithm_tables = _algorithms(family, tables.get("algorithms"))
    grid = flat(_table(tables, "grid"))
    repeats = validated(Repeats, {key: grid.pop(key) for key in Repeats.model_fields if key in grid}, "grid")
    raw = {"data": data, "model": _table(tables, "model"), "algorithms": algorithm_tables}
    axes, follow = Swept({"data": problem.Settings, "model": family.Settings}, kinds, raw).read(grid)
    store = validated(StoreSpec, _table(tables, "store"), "store")
    spec = SweepSpec(
        title=head.title,
        seed=head.seed,
        plugins=loaded,
        problem=problem,
        family=family,
        tables=raw,
        kinds=kinds,
        compute=validated(family.Compute, _table(tables, "compute"), "compute"),
        axes=axes,
        follow=follow,
        disorder_samples=repeats.disorder_samples,
        solutions=repeats.solutions,
        measures={},
        latents=bool(store.latents),
        figure={},
    )
    check_points(spec)
    spec = with_measures(spec, tables.get("measure", {}), store.latents, complete)
    spec = spec.changed(figure=figures(spec, _table(tables, "figure")))
    _check_size(spec)
    layout = layout_of(spec)
    check_names(layout)
    for task in layout.first_tasks(spec.points[0]):
        task_identity(spec, task)
    return spec


def _family(model: dict[str, Any]) -> Family[Any]:
    if "kind" not in model:
        raise InvalidInputError(f"model.kind is missing; set it to {registry.in_words(registry.known('families'))}")
    return _lookup(registry.find_family, model["kind"], "families")


def _problem(kind: Any) -> Problem[Any]:
    if not kind:
        raise InvalidInputError(f"data.kind is missing; set it to {registry.in_words(registry.known('problems'))}")
    return _lookup(registry.find_problem, kind, "problems")


def _lookup(find: Any, word: Any, what: str) -> Any:
    try:
        return find(word)
    except InvalidInputError as error:
        raise InvalidInputError(f"{error}{did_you_mean(word, registry.known(what), '; ')}") from None


def _table(tables: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, Mapping):
        raise InvalidInputError(f"{name} = {shown(table)} is not a table")
    return dict(table)


# Algorithms


def _algorithms(family: Family[Any], tables: Any) -> tuple[dict[str, type[Algorithm]], dict[str, dict[str, Any]]]:
    """Class and settings of each algorithm, by label."""
    if tables is None:
        tables = {name: {} for name in family.default_algorithms}
    if not isinstance(tables, Mapping) or not tables:
        raise InvalidInputError(f"algorithms = {shown(tables)} is not a table with an algorithm; add [algorithms.NAME]")
    known = registry.algorithms(family)
    kinds: dict[str, type[Algorithm]] = {}
    settings: dict[str, dict[str, Any]] = {}
    for label, table in tables.items():
        validated(Head, {"title": label}, f"a label of [algorithms], {shown(label)}")
        if not isinstance(table, Mapping):
            raise InvalidInputError(f"algorithms.{label} = {shown(table)} is not a table")
        kind = table.get("kind", label)
        if not isinstance(kind, str) or kind not in known:
            raise InvalidInputError(f"algorithms.{label}: kind = {shown(kind)} is not one of {', '.join(known)}")
        kinds[label] = known[kind]
        settings[label] = {key: value for key, value in table.items() if key != "kind"}
        for key, value in settings[label].items():
            check_field(known[kind], label, key, value)
    return kinds, settings


# Sizes


def _check_size(spec: SweepSpec) -> None:
    setups = [spec.at(point) for point in spec.points]
    limits: list[tuple[float, str, str, float]] = [
        (count_tasks(spec), "tasks", "grid, algorithms and measure", LARGEST_SWEEP)
    ]
    for setup in setups:
        limits += spec.problem.limits(setup.data)
        limits += spec.family.limits(setup.model, setup.inputs, [*setup.algorithms.values()])
        records = max(algorithm.n_records for algorithm in setup.algorithms.values())
        limits.append((records, "train errors of a solution", "epochs", LARGEST_RESULT))
    for measure, settings in spec.measures.values():
        limits += [(*limit, LARGEST_RESULT) for limit in measure.limits(settings)]
    for count, what, keys, limit in limits:
        if count > limit:
            raise InvalidInputError(f"{keys} make {count} {what}; at most {limit}")


def _warnings(spec: SweepSpec) -> list[str]:
    found = []
    for point in spec.points:
        setup = spec.at(point)
        found += [*spec.problem.warnings(setup.data), *spec.family.warnings(setup.model, setup.inputs)]
    return found


def _merged(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in overrides.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
