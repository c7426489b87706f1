"""Safetensors files with arrays, a model and an algorithm; nothing in a file is executed.

Model and algorithm are texts. A SHA-256 of everything is stored, since safetensors does not notice damaged numbers.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from binland.disk import read_whole, write_new
from binland.errors import InvalidInputError, StoreError, reason, shown
from binland.sweep.contracts.algorithm import Algorithm

TEXTS = ("format", "machine", "algorithm")
NUMPY = {"I8": "i1", "I64": "<i8", "F32": "<f4", "F64": "<f8"}
Arrays = dict[str, NDArray[Any]]
Made = TypeVar("Made")


def store(path: Path, form: str, model: Mapping[str, Any], algorithm: Algorithm | None, arrays: Arrays) -> None:
    """Write arrays, a model's description and an algorithm to a new file of the format `form`. Raises as `write`."""
    texts = {"format": form, "machine": json.dumps(model), "algorithm": _origin(algorithm)}
    write_new(path, save(arrays, texts | {"sha256": _digest(arrays, texts)}))


def restore(
    path: Path, form: str, type_of: Callable[[str], str | None], made: Callable[[Arrays, Any, Any], Made]
) -> Made:
    """Read a file and return what `made` builds from its arrays, model and algorithm.

    type_of: safetensors' name of the type that each array must have, None if there is no such array. Raises as `read`,
    and also if `made` fails.
    """
    content = read_whole(path)
    arrays, texts = _parsed(path, content, form, type_of)
    try:
        if texts["sha256"] != _digest(arrays, {name: texts[name] for name in TEXTS}):
            raise ValueError("its checksum is wrong")
        return made(arrays, json.loads(texts["machine"]), json.loads(texts["algorithm"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreError(f"{path}: is damaged ({reason(error)}); take it from a copy") from None


def described(model: Any, kinds: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Description of a model, which is a dataclass: its kind as a word, and its fields."""
    word = next(word for word, kind in kinds.items() if isinstance(model, kind))
    return {"kind": word, **{field.name: getattr(model, field.name) for field in fields(model)}}


def _origin(algorithm: Algorithm | None) -> str:
    """JSON of an algorithm's class, module and settings; "null" for None."""
    if algorithm is None:
        return "null"
    if not is_dataclass(algorithm):
        raise InvalidInputError(
            f"algorithm={shown(algorithm)} is not a dataclass, whose settings can be kept; make it one"
        )
    settings = {field.name: getattr(algorithm, field.name) for field in fields(algorithm) if field.init}
    kind = type(algorithm)
    try:
        return json.dumps({"kind": kind.__name__, "module": kind.__module__, "settings": settings})
    except (TypeError, ValueError, RecursionError):
        raise InvalidInputError(
            f"algorithm={shown(algorithm)} has settings that are not plain numbers, texts, truth values or tuples of"
            " them; make them plain, or keep the solution without it: dataclasses.replace(solution, algorithm=None)"
        ) from None


def _digest(arrays: Arrays, texts: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(dict(texts), sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _parsed(
    path: Path, content: bytes, form: str, type_of: Callable[[str], str | None]
) -> tuple[Arrays, dict[str, str]]:
    """Arrays and texts of a safetensors file of a given format; raises StoreError on any other file."""
    try:
        found = deserialize(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    except (SafetensorError, ValueError, RecursionError) as error:
        raise StoreError(
            f"{path}: is no solution, or a damaged one ({reason(error)}); give a file made by Solution.save"
        ) from None
    texts = header.get("__metadata__") or {}
    if texts.get("format") != form:
        raise StoreError(
            f"{path}: is no solution of the format {form} (it says {shown(texts.get('format'))}); give a file made by"
            " Solution.save, or update binland"
        )
    return {name: _array(path, name, of, type_of(name)) for name, of in found}, texts


def _array(path: Path, name: str, of: Mapping[str, Any], kind: str | None) -> NDArray[Any]:
    if kind != of["dtype"]:
        raise StoreError(
            f"{path}: is damaged (it holds {shown(name)} of type {shown(of['dtype'])}); take it from a copy"
        )
    return np.frombuffer(of["data"], NUMPY[of["dtype"]]).reshape(of["shape"])
