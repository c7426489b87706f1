"""Print messages: errors and progress on stderr, results on stdout; plain text unless it is a terminal."""

from rich.console import Console

from binland.errors import one_line, printable

errors = Console(stderr=True, highlight=False, soft_wrap=True)
output = Console(highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Print a text on stdout. Control characters, which a stranger's file may contain, are written out."""
    output.print(printable(text), markup=False)


def complain(text: str) -> None:
    """Print a text on stderr as one line."""
    errors.print(one_line(text), markup=False)


def size(count: float) -> str:
    """A number of bytes as text, for example "1.06 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.3g} {unit}"
