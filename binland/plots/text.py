"""Texts in figures: headlines, labels, numbers."""

from collections.abc import Mapping

from binland.errors import one_line
from binland.plots.chart import Headline
from binland.plots.results import Results
from binland.sweep.store.layout import DONE

LONGEST_TITLE, LONGEST_LABEL = 300, 70  # letters
DIGITS = 3  # significant digits of numbers in texts


def digits(value: float) -> str:
    """A number as text, with DIGITS significant digits."""
    return f"{value:.{DIGITS}g}"


def counted(count: int, noun: str) -> str:
    """A number with a noun, for example "1 solution" or "2 solutions"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def short(label: str) -> str:
    """A label of at most LONGEST_LABEL letters; a longer one loses its middle."""
    line = one_line(label, len(label) + 1)
    half = LONGEST_LABEL // 2 - 1
    return line if len(line) <= LONGEST_LABEL else f"{line[:half]}...{line[-half + 1 :]}"


def headline(results: Results, *parts: str) -> Headline:
    """Title of the sweep, and facts: summary of the model, the given texts, algorithms left out, whether unfinished."""
    layout, data = results.layout, results.data
    states = [data[f"{kind}_state"] for kind in layout.kinds if f"{kind}_state" in data]
    unfinished = ["UNFINISHED SWEEP."] if any(bool((state != DONE).any()) for state in states) else []
    left_out = len(layout.labels) - len(results.labels)
    some = [f"Without the last {left_out} algorithms."] if left_out else []
    facts = " ".join(filter(None, [f"{layout.words.get('summary', '')};", *parts, *some, *unfinished]))
    return Headline(one_line(str(results.settings.get("title") or ""), LONGEST_TITLE) or _kind(results), facts)


def _kind(results: Results) -> str:
    model = results.settings.get("model")
    return one_line(str(model.get("kind", "")) if isinstance(model, Mapping) else "", LONGEST_TITLE) or "sweep"


def of_sweep(results: Results) -> str:
    """Numbers of solutions, pairs and orders as text, for example "3 solutions, 6 directed pairs, 5 orders;"."""
    sizes = results.data.sizes
    counts = [counted(sizes["solution"], "solution")]
    counts += [counted(sizes["pair"], "directed pair")] if "pair" in sizes else []
    counts += [counted(sizes["order"], "order")] if "order" in sizes else []
    return f"{', '.join(counts)};"
