import os
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binland.errors import StoreError
from binland.sweep.store import journal as journals
from binland.sweep.store.journal import HEADER, MAGIC, STRETCH, Journal, JournalReader

ARRAYS = {"x": np.array(0.5), "y": np.arange(6, dtype=np.uint8).reshape(2, 3), "z": np.zeros((0, 2), np.float32)}


def records_of(octets):
    """What a reader makes of a file with these bytes."""
    with os.fdopen(os.memfd_create("journal"), "w+b") as file:
        file.write(octets)
        file.flush()
        reader = JournalReader(file.fileno())
        return reader, [(record.facts.get("k"), reader.arrays(record)) for record in reader.records]


def places_of(octets):
    """Where the records of a whole journal begin."""
    places = [0]
    while places[-1] < len(octets):
        places.append(places[-1] + HEADER.size + HEADER.unpack_from(octets, places[-1])[1])
    return places[:-1]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("journal") / "x.journal"
    journal = Journal(path, {"k": 0})
    places = [journal.append({"k": k}, ARRAYS if k % 2 else None) for k in range(1, 6)]
    assert all(np.array_equal(journal.arrays(places[0])[name], ARRAYS[name]) for name in ARRAYS)
    journal.close()
    return path.read_bytes()


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="needs files in memory")
@given(st.data())
def test_a_journal_cut_anywhere_gives_the_records_before_the_cut(written, data):
    cut = data.draw(st.integers(0, len(written)))
    reader, found = records_of(written[:cut])
    assert [k for k, _ in found] == list(range(len(found)))
    assert reader.damaged == 0
    assert len(found) == 6 or cut < len(written)
    for k, arrays in found:
        assert arrays.keys() == (ARRAYS.keys() if k % 2 else set())
        for name, values in arrays.items():
            assert values.dtype == ARRAYS[name].dtype
            assert np.array_equal(values, ARRAYS[name])


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="needs files in memory")
@given(st.data())
def test_a_flipped_bit_costs_the_record_that_it_is_in_and_is_noticed(written, data):
    place = data.draw(st.integers(0, len(written) - 1))
    damaged = bytearray(written)
    damaged[place] ^= 1 << data.draw(st.integers(0, 7))
    reader, found = records_of(bytes(damaged))
    missing = set(range(6)) - {k for k, _ in found}
    assert [k for k, _ in found] == sorted(set(range(6)) - missing)
    begins = [*places_of(written), len(written)]
    (lost,) = missing
    assert begins[lost] <= place < begins[lost + 1]
    assert reader.damaged == begins[lost + 1] - begins[lost]


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="needs files in memory")
@given(st.data())
def test_overwritten_bytes_cost_the_records_that_they_are_in(written, data):
    """Also where they hold what looks like a record: its length is believed, here four bytes more than are there."""
    headers = 3 * written[:25]
    begins = [*places_of(written), len(written)]
    first = data.draw(st.integers(0, 5))
    place = data.draw(st.integers(begins[first], begins[first + 1] - 1))
    octets = data.draw(st.binary(min_size=1, max_size=200) | st.just(100 * MAGIC) | st.just(headers))
    damaged = written[:place] + octets + written[place + len(octets) :]
    _, found = records_of(damaged[: len(written)])
    end = place + len(octets) + 4 * (octets == headers)
    whole = [k for k in range(6) if begins[k + 1] <= place or begins[k] >= end]
    assert [k for k, _ in found if k in whole] == whole
    for k, arrays in found:
        assert all(np.array_equal(values, ARRAYS[name]) for name, values in arrays.items()), k


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="needs files in memory")
@pytest.mark.parametrize("gap", [1, STRETCH - 3, STRETCH, 3 * STRETCH + 5])
def test_the_next_record_is_found_wherever_it_begins(written, gap, monkeypatch):
    reader, found = records_of(written + bytes(gap) + written)
    assert [k for k, _ in found] == [*range(6), *range(6)]
    assert reader.damaged == gap
    monkeypatch.setattr(journals, "MOST_DAMAGE", STRETCH)
    reader, found = records_of(written + bytes(gap) + written)
    if gap > STRETCH:
        assert [k for k, _ in found] == [*range(6)]
        assert reader.damaged == gap + len(written)


def test_arrays_that_have_changed_since_they_were_written_are_not_given(tmp_path):
    journal = Journal(tmp_path / "x.journal", {"k": 0})
    record = journal.append({"k": 1}, ARRAYS)
    with (tmp_path / "x.journal").open("r+b") as file:
        file.seek(record.offset + 3)
        file.write(b"damage")
    with pytest.raises(StoreError, match=r"x.journal: was damaged by another program"):
        journal.arrays(record)
    journal.close()


def test_a_record_that_does_not_fit_on_the_disk_leaves_no_trace(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "x.journal", {"k": 0})
    size = journal.size

    def full(file, content, offset, pwrite=os.pwrite):
        pwrite(file, bytes(content[:7]), offset)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journals.os, "pwrite", full)
        with pytest.raises(OSError, match="No space"):
            journal.append({"k": 1}, ARRAYS)
    assert (tmp_path / "x.journal").stat().st_size == size
    journal.append({"k": 2}, ARRAYS)
    with (tmp_path / "x.journal").open("rb") as file:
        assert [record.facts["k"] for record in JournalReader(file.fileno()).records] == [0, 2]
    journal.close()


def test_records_reach_the_disk(tmp_path, monkeypatch):
    synced, real, now = [], os.fsync, [0.0]
    monkeypatch.setattr(journals.os, "fsync", lambda file: synced.append(now[0]) or real(file))
    monkeypatch.setattr(journals.time, "monotonic", lambda: now[0])
    journal = Journal(tmp_path / "x.journal", {"k": 0})
    for moment in (0.1, 0.5, 1.2, 1.5, 2.1, 2.3):
        now[0] = moment
        journal.append({"k": moment})
    journal.close()
    assert synced == [0.0, 1.2, 2.3]


@pytest.mark.parametrize("name", ["x.journal.part", "x.journal.12345678.part"])
def test_no_link_that_lies_in_wait_is_written_through(tmp_path, monkeypatch, name):
    class Guessed:
        hex = "12345678"

    monkeypatch.setattr(journals.uuid, "uuid4", lambda: Guessed)
    mine, link = tmp_path / "mine", tmp_path / name
    mine.write_text("mine")
    link.symlink_to(mine)
    with suppress(FileExistsError):
        Journal(tmp_path / "x.journal", {"k": 0}).close()
    assert mine.read_text() == "mine"
    assert link.is_symlink()


def test_a_journal_that_cannot_be_begun_leaves_nothing(tmp_path):
    (tmp_path / "x.journal").mkdir()
    with pytest.raises(OSError, match="directory"):
        Journal(tmp_path / "x.journal", {"k": 0})
    assert [path.name for path in tmp_path.iterdir()] == ["x.journal"]
