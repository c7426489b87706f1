"""What a user has registered in this process, sent to the workers by value."""

import hashlib

import cloudpickle

from binland.errors import InvalidInputError, reason
from binland.sweep import registry
from binland.sweep.plugins import PREFIX

_known: set[str] = set()  # what this process has unpacked


def pack() -> bytes:
    """All that `register` has added, as bytes; empty if nothing. Raises InvalidInputError if it cannot be pickled.

    What a plug-in file registers is left out: workers import that file themselves.
    """
    things = [thing for thing in registry.by_hand() if not registry.home(thing).startswith(PREFIX)]
    try:
        return cloudpickle.dumps(things) if things else b""
    except Exception as error:
        raise InvalidInputError(
            f"what was registered cannot be sent to workers ({reason(error)}); put it into a module and name that in"
            " plugins"
        ) from None


def unpack(packed: bytes) -> None:
    """Register what another process has packed."""
    name = hashlib.sha256(packed).hexdigest()
    if packed and name not in _known:
        registry.register(*cloudpickle.loads(packed))
        _known.add(name)
