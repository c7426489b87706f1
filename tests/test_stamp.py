import shutil
from pathlib import Path

import pytest

from binland import stamp
from binland.stamp import essence, hash_of

SOURCE = '''"""A module."""

RATE = 0.5  # of something


class Thing:
    """A class."""

    size = 3

    def draw(self, axes):
        """Into axes."""
        axes.plot(self.size)

    def figures(self):
        return [self.size]

    def value(self):
        """A number."""
        return RATE * self.size


def _draw_all(axes):
    axes.plot(RATE)


def errors(results) -> "list[Panel]":
    return results[0]
'''
SAME = [
    ('"""A module."""', '"""Another text."""'),
    ('"""A module."""\n', ""),
    ("  # of something", "  # of something else"),
    ('    """A class."""\n', '    """A class\n\n    in many words.\n    """\n'),
    ("axes.plot(self.size)", "axes.scatter(self.size, alpha=0.5)"),
    ("return [self.size]", "return []"),
    ("axes.plot(RATE)", "pass"),
    ("return results[0]", "return results[1]"),
    ("RATE = 0.5", "RATE = (\n    0.5\n)"),
    ('        """A number."""\n', ""),
]
OTHER = [
    ("RATE = 0.5", "RATE = 0.25"),
    ("size = 3", "size = 4"),
    ("return RATE * self.size", "return RATE + self.size"),
    ("def value", "def worth"),
    ("class Thing", "class Object"),
]


@pytest.fixture
def package(tmp_path):
    """A package of one module, and its hash as it is now."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "module.py").write_text(SOURCE)

    def hashed(text=None, others=()):
        if text is not None:
            (tmp_path / "own" / "module.py").write_text(text)
        hash_of.cache_clear()
        return hash_of(tmp_path / "own", others)

    return hashed


@pytest.mark.parametrize(("old", "new"), SAME)
def test_texts_layout_and_figures_change_no_stamp(package, old, new):
    before, changed = package(), SOURCE.replace(old, new)
    assert changed != SOURCE
    assert essence(changed) == essence(SOURCE)
    assert package(changed) == before


@pytest.mark.parametrize(("old", "new"), OTHER)
def test_what_changes_numbers_changes_the_stamp(package, old, new):
    before, changed = package(), SOURCE.replace(old, new)
    assert changed != SOURCE
    assert package(changed) != before


def test_the_name_of_a_module_counts_and_what_is_left_out_does_not(package, tmp_path):
    before = package()
    (tmp_path / "own" / "other.py").write_text("")
    assert package() != before
    assert package(others=("other.py",)) == before
    (tmp_path / "own" / "plots").mkdir()
    (tmp_path / "own" / "plots" / "one.py").write_text("x = 1")
    assert package(others=("other.py", "plots")) == before


@pytest.mark.slow
def test_what_numbers_come_from_is_in_the_stamp_and_what_stores_them_is_not(tmp_path, monkeypatch):
    """On a copy of binland, a constant is changed in every file."""
    own = shutil.copytree(Path(stamp.__file__).parent, tmp_path / "binland")
    monkeypatch.setattr(stamp, "__file__", str(own / "stamp.py"))

    def fresh():
        hash_of.cache_clear()
        return stamp.code_stamp.__wrapped__()

    before = fresh()
    for name in ("kernels/walk.py", "algorithms/binarynet.py", "measures/pair.py", "sweep/execute.py", "rng.py"):
        source = own / name
        text = source.read_text()
        source.write_text(f"{text}\n# a comment\n")
        assert fresh() == before
        source.write_text(f"{text}\nCHANGED = 1\n")
        assert fresh() != before
        source.write_text(text)
    for name in stamp.OTHERS:
        assert (own / name).exists(), name
        sources = [own / name] if name.endswith(".py") else (own / name).rglob("*.py")
        for source in sources:
            source.write_text("CHANGED = 1\n")
    assert fresh() == before
