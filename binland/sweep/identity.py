"""What a thing is, as data: value -> canonical text -> id -> seed. Tasks and random streams are named this way."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


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
    """JSON with sorted keys and no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
