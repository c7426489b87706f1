"""Identity of things as data: value -> canonical text -> id -> seed. Tasks and random streams get their names so."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from binland.errors import shown


@dataclass(frozen=True)
class Identity:
    """The steps from a value to its seed; each can be checked by hand.

    value: plain data. text: its JSON with sorted keys and no spaces. id: SHA-256 of the text (UTF-8), 64 hexadecimal
    digits.
    """

    value: Mapping[str, Any]
    text: str
    id: str

    @property
    def seed(self) -> np.random.SeedSequence:
        """The SeedSequence whose entropy is the id, read as an integer."""
        return np.random.SeedSequence(int(self.id, 16))


def identify(value: Mapping[str, Any]) -> Identity:
    """The identity of plain data; the order of keys does not matter."""
    text = canonical_json(value)
    return Identity(value, text, hashlib.sha256(text.encode()).hexdigest())


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces; NumPy numbers count as Python's."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=plain_number)


def plain_number(value: Any) -> Any:
    """A NumPy number as a Python number; raises TypeError on anything that JSON does not have."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{shown(value)} is neither a number nor a text, a truth value, a list or a dict of them")
