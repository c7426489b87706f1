"""Versions of installed packages; binland and deepbridge belong to one distribution and have one version."""

from importlib import metadata

DISTRIBUTION = "binland"


def version(name: str = DISTRIBUTION) -> str:
    """Installed version of a distribution as text; "unknown" if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"
