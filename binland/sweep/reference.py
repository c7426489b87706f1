"""Every table and every key that a configuration may have, read off what is declared.

A key's type, default and range come from its field, its meaning from `Field(description=...)`, of algorithms from the
docstring of their class: a section "Parameters" or "Attributes", or sentences "key: meaning."
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from binland.errors import InvalidInputError
from binland.sweep import registry
from binland.sweep.config import Head, StoreSpec
from binland.sweep.contracts.algorithm import Algorithm
from binland.sweep.contracts.family import Family, has
from binland.sweep.contracts.measure import Measure
from binland.sweep.contracts.section import Section
from binland.sweep.contracts.statement import Statement
from binland.sweep.grid import Repeats

REQUIRED = "required"
OUT_OF_RANGE = -7.5  # which no setting allows: the error says what is allowed
NUMERIC = ("integer", "number")  # such keys can be swept
FOUND = "found in the file"  # and not to be given


@dataclass(frozen=True)
class Key:
    """A key of a table. default: as TOML, "" for none, REQUIRED if it must be given. sweepable: whether [grid] takes
    it."""

    name: str
    allowed: str
    default: str
    meaning: str
    sweepable: bool = False


@dataclass(frozen=True)
class Table:
    """A table of a configuration. name: how it is written; kind: of tables with several kinds. meaning: one or more
    sentences. facts: what else there is to say, word by word."""

    name: str
    kind: str
    meaning: str
    keys: tuple[Key, ...]
    facts: tuple[tuple[str, str], ...] = ()


def tables() -> dict[str, list[Table]]:
    """All tables, by the name of the table that they are kinds of."""
    return {
        "head": [Table("", "", "", _keys_of(Head))],
        "data": list(_problems()),
        "model": list(_models()),
        "grid": [Table("grid", "", "", _keys_of(Repeats))],
        "algorithms": list(_algorithms()),
        "measure": list(_measures()),
        "figure": list(_figures()),
        "store": [Table("store", "", _text(StoreSpec), _keys_of(StoreSpec))],
        "compute": list(_compute()),
    }


def _families() -> list[Family[Any]]:
    return list(dict.fromkeys(registry.find_family(kind) for kind in registry.known("families")))


def _problems() -> Iterator[Table]:
    for name in registry.known("problems"):
        problem = registry.find_problem(name)
        meaning = f"{_text(type(problem))} {_text(problem.Settings)}".strip()
        yield Table("data", name, meaning, _keys_of(problem.Settings, sweepable=True))


def _models() -> Iterator[Table]:
    for family in _families():
        facts = (
            ("data.kind if none is given", family.problem),
            ("algorithms if none are given", ", ".join(family.default_algorithms)),
            ("symmetry states", ", ".join(family.states)),
        )
        kinds = ", ".join(family.kinds)
        yield Table("model", kinds, _text(family.Settings), _keys_of(family.Settings, sweepable=True), facts)


def _algorithms() -> Iterator[Table]:
    seen: dict[type[Algorithm], list[str]] = {}
    for family in _families():
        named = registry.algorithms(family)
        for kind in [*(named[name] for name in family.default_algorithms), *named.values()]:
            seen.setdefault(kind, []).extend(family.kinds)
    for kind, models in seen.items():
        facts = (("model.kind", ", ".join(dict.fromkeys(models))),)
        yield Table("algorithms", kind.__name__, _summary(kind), _keys_of_algorithm(kind), facts)


def _measures() -> Iterator[Table]:
    for name, measure in sorted(registry.measures(registry.known("measures")).items()):
        of = {1: "every solution", 2: "every pair of solutions"}.get(measure.of, f"{measure.of} solutions")
        facts = (
            ("looks at", of),
            ("model.kind", ", ".join(_measured(measure))),
            ("measured if nothing is said", "yes" if measure.by_default else "no"),
            ("latent weights", measure.latents),
        )
        meaning = f"{_text(type(measure))} {_text(measure.Settings)}".strip()
        yield Table(f"measure.{name}", "", meaning, _keys_of(measure.Settings), facts)


def _measured(measure: Measure[Any]) -> list[str]:
    """Models that have what a measure needs with its default settings."""
    needs = measure.needs(measure.Settings())
    return [kind for family in _families() if all(has(family, verb) for verb in needs) for kind in family.kinds]


def _figures() -> Iterator[Table]:
    for name, measure in registry.measures().items():
        if measure.FigureSettings.model_fields:
            yield Table(f"figure.{name}", "", _text(measure.FigureSettings), _keys_of(measure.FigureSettings))
    yield Table("figure.statements", "", _text(Statement), _keys_of(Statement))


def _compute() -> Iterator[Table]:
    for family in _families():
        if family.Compute.model_fields:
            kinds = ", ".join(family.kinds)
            yield Table("compute", kinds, _text(family.Compute), _keys_of(family.Compute))


# Keys of sections


def _keys_of(section: type[Section], sweepable: bool = False) -> tuple[Key, ...]:
    schema = section.model_json_schema()["properties"] if section.model_fields else {}
    keys = []
    for name, field in section.model_fields.items():
        default = REQUIRED if field.is_required() else _shown(field.default)
        allowed = in_words(schema[name])
        meaning = field.description or ""
        swept = sweepable and allowed.startswith(NUMERIC) and not meaning.startswith(FOUND)
        keys.append(Key(name, allowed, default, meaning, swept))
    return tuple(keys)


def in_words(schema: Mapping[str, Any]) -> str:
    """What a JSON schema allows."""
    if "anyOf" in schema:
        return " or ".join(in_words(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema or "const" in schema:
        return " or ".join(_shown(value) for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type")
    if kind == "array":
        pair = schema.get("prefixItems")
        items = f"({', '.join(map(in_words, pair))})" if pair else in_words(schema.get("items", {}))
        return f"list of {items}"
    names = {"integer": "integer", "number": "number", "string": "text", "boolean": "true or false"}
    return names.get(str(kind), "value") + _range(schema)


def _range(schema: Mapping[str, Any]) -> str:
    words = (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"), ("exclusiveMaximum", "below"))
    found = [f"{word} {_number(schema[key])}" for key, word in words if key in schema]
    return "".join(f" {one}" for one in found)


def _number(value: float) -> str:
    if value == 2**63:
        return "2^63"
    if value == int(value) and abs(value) < 1e12:
        return f"{int(value):,}".replace(",", " ")
    return f"{value:g}"


def _shown(value: Any) -> str:
    """A value as TOML, "" for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    return str(value)


# Keys of algorithms


def _keys_of_algorithm(kind: type[Algorithm]) -> tuple[Key, ...]:
    hints, meanings = get_type_hints(kind), meanings_of(kind)
    keys = []
    for field in fields(kind):  # type: ignore[arg-type]
        if field.init:
            allowed = in_words(TypeAdapter(hints[field.name]).json_schema())
            default = REQUIRED if field.default is MISSING else _shown(field.default)
            allowed = _limits(kind, field.name, allowed)
            keys.append(Key(field.name, allowed, default, meanings.get(field.name, ""), allowed.startswith(NUMERIC)))
    return tuple(keys)


def _limits(kind: type[Algorithm], name: str, allowed: str) -> str:
    """What is allowed in the words of the error about a value that is not, if there is one."""
    if allowed not in ("integer", "number") and not allowed.startswith("list"):
        return allowed
    value: float = int(OUT_OF_RANGE) if allowed == "integer" else OUT_OF_RANGE
    try:
        kind(**{name: value})
    except InvalidInputError as error:
        found = re.search(rf"^{name}=\S+ is not an? (.*)$", str(error))
        return found[1].replace(" (and below 2^31)", "") if found else allowed
    return allowed


def meanings_of(kind: type) -> dict[str, str]:
    """The meaning of each setting of a class, from its docstring and those of the classes that it is derived from."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    found: dict[str, str] = {}
    for base in kind.__mro__:
        found = _meanings_in(inspect.cleandoc(base.__dict__.get("__doc__") or ""), names) | found
    return found


def _meanings_in(text: str, names: list[str]) -> dict[str, str]:
    if re.search(r"^(Parameters|Attributes)\n-{3,}$", text, re.MULTILINE):
        return dict(_of_sections(text, names))
    return dict(_of_sentences(text, names))


def _of_sections(text: str, names: list[str]) -> Iterator[tuple[str, str]]:
    """From lines "name, name : type" with an indented meaning below."""
    for match in re.finditer(r"^([*\w, ]+?)(?: *:.*)?\n((?:[ \t]+\S.*(?:\n|$)|\n(?=[ \t]+\S))+)", text, re.MULTILINE):
        for name in re.split(r",\s*", match[1]):
            if name in names:
                yield name, " ".join(match[2].split())


def _of_sentences(text: str, names: list[str]) -> Iterator[tuple[str, str]]:
    """From sentences "name, name: meaning."; a meaning ends where the next name begins."""
    word = rf"(?:{'|'.join(names)})"
    starts = [*re.finditer(rf"(?:^|(?<=[.;:)]\s))({word}(?:, {word})*)(?:, [^:.;]{{1,20}})?: ", text, re.MULTILINE)]
    ends = [*(match.start() for match in starts[1:]), len(text)]
    for match, end in zip(starts, ends, strict=False):
        meaning = text[match.end() : end].split("\n\n")[0]
        meaning = re.split(r"\s(?:Raises |The rest as |The schedule is |>>>)", " " + " ".join(meaning.split()))[0]
        for name in match[1].split(", "):
            yield name, meaning.strip().rstrip(";.")


# Texts


def _text(thing: type) -> str:
    """The docstring of a class without its sections, in one line; nothing if it has none of its own."""
    text = inspect.cleandoc(thing.__dict__.get("__doc__") or "")
    text = re.split(r"\n\w+\n-{3,}\n", text)[0]
    text = re.sub(r'^\[[\w.]+\](?: kind = "[\w-]+")?[:;,.]? *', "", " ".join(text.split()))
    return f"{text[:1].upper()}{text[1:]}" if thing is not Section else ""


def _summary(thing: type) -> str:
    """The first paragraph of its docstring."""
    return " ".join(inspect.cleandoc(thing.__doc__ or "").split("\n\n")[0].split())
