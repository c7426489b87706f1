"""Look (colour, marker, line) of each algorithm and symmetry state, the same in all figures."""

from dataclasses import replace

from binland.plots.chart import Entry, LineStyle, Look
from binland.plots.results import Results
from binland.plots.text import short

# The first colours are the paper's green, blue and red in shades that colour-blind readers can tell apart; the first
# markers are the paper's. Variants of a kind take the next colour, marker and line, so that 84 of them look different.
COLOURS = {
    "RSGD": ("#009E73", "#7FA800", "#00B8C4", "#1B5E3A"),
    "SGD": ("#0072B2", "#56B4E9", "#332288", "#7A6BD1"),
    "ADV": ("#D55E00", "#E69F00", "#CC5C99", "#882255"),
    "FBP": ("#A347BA", "#C77CFF", "#5E2B7A", "#8A63D2"),
    "RBP": ("#8C6D46", "#B8946A", "#5C4526", "#A08C28"),
}
MARKERS = {
    "RSGD": ("^", "v", ">"),
    "SGD": ("o", "p", "*"),
    "ADV": ("s", "D", "X"),
    "FBP": ("d", "h", "8"),
    "RBP": ("P", "H", "p"),
}
OTHERS = (("#555555", "#000000", "#8C6D46", "#999999"), ("D", "P", "<"))  # colours and markers of all other kinds
LINES: tuple[LineStyle, ...] = (
    "-",
    "--",
    "-.",
    (0, (1, 1, 4, 1)),
    (0, (5, 1)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (8, 2)),
)
BETWEEN = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC5C99",
    "#E69F00",
    "#56B4E9",
    "#332288",
    "#555555",
)  # colours of pairs of algorithms and of kinds of lines
ROWS = "osD^vP"  # markers of kinds of lines

LIGHT = 0.55  # opacity of raw curves beside aligned ones
RAW: LineStyle = (0, (1.2, 1.4))  # dotted, so that raw and aligned curves differ in grey prints, too
BETWEEN_STATES: LineStyle = (0, (4, 1.5))
BOUND = Look(line=(0, (1, 2)))  # look of a bound from theory, beside curves of theory, which are full


def style(results: Results, label: str) -> Look:
    """Look of an algorithm: colour and marker of its kind; algorithms of one kind differ in shade, marker and line."""
    tables = results.settings.get("algorithms", {})
    kinds = {name: str(tables.get(name, {}).get("kind", name)) for name in results.layout.labels}
    kind = kinds[label]
    same = [name for name in kinds if kinds[name] == kind or not {kind, kinds[name]} & {*COLOURS}]
    colours, markers = (COLOURS[kind], MARKERS[kind]) if kind in COLOURS else OTHERS
    place = same.index(label)
    return Look(colours[place % len(colours)], markers[place % len(markers)], LINES[place % len(LINES)])


def in_state(results: Results, look: Look, state: str) -> Look:
    """The look in a symmetry state: unchanged in the last one, light and dotted with hollow markers in the first."""
    states = results.states
    if len(states) < 2 or state == states[-1]:
        return look
    place = states.index(state)
    line = RAW if place == 0 else BETWEEN_STATES
    return replace(look, alpha=LIGHT + (1 - LIGHT) * place / (len(states) - 1), line=line, hollow=place == 0)


def algorithm_entries(results: Results, labels: dict[str, str] | None = None, with_states: bool = True) -> list[Entry]:
    """Lines of the legend for the algorithms, then for the symmetry states. labels: other texts for the algorithms."""
    texts = labels or {name: short(name) for name in results.labels}
    entries = [Entry(texts[name], style(results, name)) for name in results.labels]
    return entries + state_entries(results) if with_states else entries


def state_entries(results: Results) -> list[Entry]:
    """Lines of the legend for the symmetry states; none if only one is drawn."""
    if len(results.states) < 2:
        return []
    return [Entry(state, in_state(results, Look(marker="o"), state)) for state in results.states]
