"""Messages about what is wrong in a configuration: one problem, one line."""

import difflib
import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from binland.errors import one_line, shown

LONGEST_KEY = 200  # letters of a key in a message


def explain(error: ValidationError, section: type[BaseModel], name: str) -> str:
    """Key, value and what is allowed. A mistyped key comes first, since other problems may follow from it."""
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    problem, others = problems[0], len(problems) - 1
    more = f" (and {others} more error{'s' if others > 1 else ''})" if others else ""
    return _line(problem, section, name) + more


def _line(problem: Any, section: type[BaseModel], name: str) -> str:
    key = shown_key(".".join(str(part) for part in (*filter(None, name.split(".")), *problem["loc"])))
    message = re.sub(r"^(Value error|Assertion failed), ", "", problem["msg"])
    if problem["type"] == "extra_forbidden":
        return unknown(key, problem["input"], section.model_fields)
    if problem["type"] == "missing":
        return f"{key} is missing; add it"
    if problem["type"] == "value_error" and not problem["loc"]:
        return f"{name}: {message}"
    return f"{key} = {shown(problem['input'])}: {message}"


def unknown(key: str, value: object, allowed: Iterable[str]) -> str:
    """Message about a key that does not exist, with the keys that do."""
    words = [*allowed]
    hint = did_you_mean(key.rsplit(".", 1)[-1], words)
    return f"unknown key {shown_key(key)} = {shown(value)};{hint} allowed: {', '.join(words) or 'none'}"


def did_you_mean(word: object, words: list[str], before: str = " ") -> str:
    """ "did you mean ...?" with the most similar of the known words; empty if none is similar."""
    close = difflib.get_close_matches(word, words, 1) if isinstance(word, str) and len(word) <= LONGEST_KEY else []
    return f"{before}did you mean {close[0]}?" if close else ""


def shown_key(key: object) -> str:
    """A key as a message shows it."""
    return one_line(str(key), LONGEST_KEY)
