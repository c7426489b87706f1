"""Another distribution has a package deepbridge, too: binland's own kinds say so, and all others work."""

import pytest

import deepbridge
from binland.errors import InvalidInputError
from binland.families.shallow import SHALLOW
from binland.sweep.registry import find_family
from tests.hiding import binland
from tests.sweep import coarse

MLP = '[model]\nkind = "mlp"\n[data]\nkind = "digits"\n[grid]\nwidth = [5]\n[algorithms.SGD]\nepochs = 1\n'


def said(place):
    return (
        f"'deepbridge' ({place}) is not the one that comes with binland; uninstall or move it, then reinstall binland"
    )


def test_one_that_hides_binlands_own_is_one_line(tmp_path):
    (tmp_path / "deepbridge").mkdir()
    (tmp_path / "deepbridge" / "__init__.py").write_text("")
    (tmp_path / "x.toml").write_text(MLP)
    found = binland((), "sweep", "x.toml", "--out", "x.h5", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert (found.returncode, found.stdout) == (2, "")
    assert len(found.stderr.splitlines()) == 1
    assert found.stderr.count(said(tmp_path / "deepbridge" / "__init__.py")) == 1


def test_a_folder_of_that_name_is_one_line(tmp_path, monkeypatch):
    coarse.forget_installed(monkeypatch)
    monkeypatch.delattr(deepbridge, "__distribution__")
    monkeypatch.setattr(deepbridge, "__file__", None)
    with pytest.raises(InvalidInputError, match="is not the one that comes with binland"):
        find_family("mlp")


def test_one_that_has_overwritten_binlands_own_is_one_line(monkeypatch):
    coarse.forget_installed(monkeypatch)
    monkeypatch.delattr(deepbridge, "__distribution__")
    with pytest.raises(InvalidInputError) as caught:
        find_family("mlp")
    assert str(caught.value).endswith(f"; {said(deepbridge.__file__)}")
    assert find_family("perceptron") is SHALLOW


def test_binlands_own_is_taken(monkeypatch):
    coarse.forget_installed(monkeypatch)
    assert find_family("mlp").kinds
