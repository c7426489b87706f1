"""What a thing is, as data: value -> canonical text -> id -> seed. Tasks and random streams are named this way."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from binland.errors import shown


@dataclass(frozen=True)
class Identity:
    """The steps from a value to its seed, each of which can be checked by hand.

    value: plain data. text: its JSON with sorted keys and no spaces. id: SHA-256 of the text (UTF-8), 64 hex digits.
    """

    value: Mapping[str, Any]
    text: str
    id: str

    @property
    def seed(self) -> np.random.SeedSequence:
        """The SeedSequence whose entropy is the id, read as an integer."""
        return np.random.SeedSequence(int(self.id, 16))


def identify(value: Mapping[str, Any]) -> Identity:
    """The identity of plain data; equal data have equal ids, whatever the order of their keys."""
    text = canonical_json(value)
    return Identity(value, text, hashlib.sha256(text.encode()).hexdigest())


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces; numbers of NumPy are what they are of Python."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=plain_number)


def plain_number(value: Any) -> Any:
    """A number of NumPy as one of Python; raises TypeError on what JSON does not know."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{shown(value)} is neither a number nor a text, a truth value, a list or a dict of them")
