"""Checks of declarations when they are made: one line says what is missing."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

from binland.errors import InvalidInputError, reason, shown
from binland.sweep.contracts.algorithm import Algorithm
from binland.sweep.contracts.family import Family
from binland.sweep.contracts.measure import Measure
from binland.sweep.contracts.overlay import Overlay
from binland.sweep.contracts.problem import Problem
from binland.sweep.contracts.section import ModelSection, Section
from binland.sweep.words import ACROSS, TRAINING

WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")
OTHER_TASKS = (TRAINING, ACROSS.rstrip("_"))
DIMENSIONS = ("disorder", "algorithm", "symmetry", "epoch")  # of every file
PLACES = ("start", "end", "solution", "solutions", "algorithm", "to_algorithm", "disorder", "purpose", "model")
LATENTS = ("unused", "used", "needed")
MOST_SOLUTIONS = 1000  # that a measure looks at
Thing = Problem[Any] | Family[Any] | Measure[Any] | Overlay | type[Algorithm]


def is_thing(value: object) -> bool:
    """Whether something can be declared. The object itself is not asked, since a proxy may answer anything."""
    if issubclass(type(value), type):
        return issubclass(value, Algorithm) and not inspect.isabstract(value)  # type: ignore[arg-type]
    return issubclass(type(value), Problem | Family | Measure | Overlay)


def check_sound(thing: Thing) -> None:
    """Raise InvalidInputError if a declaration lacks something required."""
    what = thing.__name__ if inspect.isclass(thing) else type(thing).__name__
    try:
        _check(thing)
    except InvalidInputError as error:
        raise InvalidInputError(f"{what}: {error}") from None
    except Exception as error:
        raise InvalidInputError(f"{what}: lacks something that it needs ({reason(error)}); see CONTRIBUTING") from None


def _check(thing: Thing) -> None:
    if isinstance(thing, Measure):
        _check_measure(thing)
    elif isinstance(thing, Family):
        _check_family(thing)
    elif isinstance(thing, Problem):
        _check_problem(thing)
    elif isinstance(thing, Overlay):
        _check_word(thing.name)
        _check_word(thing.panel)
    else:
        _check_algorithm(thing)


def _check_algorithm(kind: type[Algorithm]) -> None:
    if not is_dataclass(kind) or not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise InvalidInputError("an algorithm is a frozen dataclass with families = ('...',)")
    _check_texts("families", kind.families)


def _check_measure(measure: Measure[Any]) -> None:
    _check_word(measure.name)
    if measure.name in OTHER_TASKS or measure.name.startswith(ACROSS):
        raise InvalidInputError(f"{shown(measure.name)} is the name of other tasks; choose another name")
    if measure.name in DIMENSIONS:
        raise InvalidInputError(f"{shown(measure.name)} is the name of a dimension; choose another name")
    if type(measure.of) is not int or not 1 <= measure.of <= MOST_SOLUTIONS:
        raise InvalidInputError(f"of = {shown(measure.of)} is not a number of solutions, 1 or more")
    if measure.repeat != "":
        _check_word(measure.repeat)
    if measure.repeat in PLACES:
        raise InvalidInputError(f"repeat = {shown(measure.repeat)} names something else; choose another name")
    if measure.latents not in LATENTS:
        raise InvalidInputError(f"latents = {shown(measure.latents)} is not one of {', '.join(LATENTS)}")
    _check_texts("libraries", measure.libraries)
    _check_section("Settings", measure.Settings)
    _check_section("FigureSettings", measure.FigureSettings)


def _check_problem(problem: Problem[Any]) -> None:
    _check_word(problem.name)
    _check_section("Settings", problem.Settings)
    if "kind" in problem.Settings.model_fields:
        raise InvalidInputError("a setting is called kind, which is the word of the problem; rename it")
    _check_texts("libraries", problem.libraries)


def _check_family(family: Family[Any]) -> None:
    _check_texts("kinds", family.kinds)
    if not family.kinds:
        raise InvalidInputError("kinds is empty; name a word of [model] kind")
    for word in family.kinds:
        _check_word(word)
    _check_section("Settings", family.Settings, ModelSection)
    _check_section("Compute", family.Compute)
    for key in ("states", "default_algorithms", "in_disorder", "libraries", "rebuilt_from", "latents"):
        _check_texts(key, getattr(family, key))
    if not family.states or len({*family.states}) < len(family.states):
        raise InvalidInputError(f"states = {shown(family.states)} are not one or more different names")
    if not isinstance(family.algorithms, Mapping):
        raise InvalidInputError(f"algorithms = {shown(family.algorithms)} is no dict of names and classes")
    for word, kind in family.algorithms.items():
        if not is_thing(kind) or kind.__name__ != word:
            raise InvalidInputError(f"algorithms[{shown(word)}] = {shown(kind)} is no class of Algorithm of that name")
        check_sound(kind)


def _check_word(word: object) -> None:
    if not isinstance(word, str) or not WORD.fullmatch(word):
        raise InvalidInputError(f"{shown(word)} is not a name of letters, digits, - and _, at most 100")


def _check_texts(key: str, texts: object) -> None:
    if not isinstance(texts, tuple | list) or not all(isinstance(text, str) for text in texts):
        raise InvalidInputError(f"{key} = {shown(texts)} is not a tuple of texts, such as ('...',)")


def _check_section(key: str, section: object, base: type[Section] = Section) -> None:
    if not inspect.isclass(section) or not issubclass(section, base):
        raise InvalidInputError(f"{key} = {shown(section)} is not derived from {base.__name__}")
