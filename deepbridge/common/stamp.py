"""Which code and libraries numbers come from."""

from functools import cache
from pathlib import Path

from binland.stamp import hash_of
from binland.version import version


@cache
def stamp() -> str:
    """Hash of this package's code and the version of torch; what stands below is in binland's own stamp."""
    return f"{version('torch')} {hash_of(Path(__file__).resolve().parents[1])[:16]}"
