"""Installed versions; binland and deepbridge are of one distribution, and so of one version."""

from importlib import metadata

DISTRIBUTION = "binland"


def version(name: str = DISTRIBUTION) -> str:
    """Installed version of a distribution, or "unknown"."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"
