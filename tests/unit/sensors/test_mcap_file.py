"""MCAP files of others: every form gives the same, and what is cut off or damaged gives the rest."""

import struct
from pathlib import Path

import pytest
from ros_logs import MS, T0, Ros, check_contract, mcap_of, of
from sixsense.sensors.logs import open_log
from sixsense.sensors.sample import Sample


@pytest.mark.parametrize(
    "how",
    [{"compression": "LZ4"}, {"compression": "ZSTD"}, {"index": False}, {"chunks": False}],
    ids=lambda how: next(iter(how)),
)
def test_every_form_of_mcap_gives_the_same(ros: Ros, tmp_path: Path, how: dict) -> None:
    plain, other = open_log(mcap_of(ros, tmp_path / "a")), open_log(mcap_of(ros, tmp_path / "b", **how))
    ours, theirs = list(plain.events(1)), list(other.events(1))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(a, Sample) and isinstance(b, Sample):
            assert (a.stream, a.stamp_ns, a.data.tobytes()) == (b.stream, b.stamp_ns, b.data.tobytes())
        else:
            assert a == b


def test_a_log_that_was_cut_off_gives_what_is_there(ros: Ros, tmp_path: Path) -> None:
    whole = mcap_of(ros, tmp_path / "whole.mcap")
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    log = open_log(cut)
    events = list(log.events(1))
    check_contract(events, [info.stream for info in log.streams])
    assert 4 < len(of(events, "front.image_raw")) < 20
    assert log.counts()["cut.mcap"] == {"truncated": 1}


def test_a_damaged_index_is_not_relied_on(ros: Ros, tmp_path: Path) -> None:
    path = mcap_of(ros, tmp_path / "whole.mcap")
    whole = path.read_bytes()
    expected = [sample.stamp_ns for sample in of(list(open_log(path).events(1)), "imu")]
    (summary_start,) = struct.unpack_from("<Q", whole, len(whole) - 28)
    for at in range(summary_start, len(whole) - 40, 997):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        assert [sample.stamp_ns for sample in of(list(open_log(path).events(1)), "imu")] == expected


def test_a_damaged_chunk_is_counted_and_the_rest_read(ros: Ros, tmp_path: Path) -> None:
    from mcap.reader import make_reader

    whole = mcap_of(ros, tmp_path / "whole.mcap")
    data = bytearray(whole.read_bytes())
    with whole.open("rb") as file:
        chunks = make_reader(file).get_summary().chunk_indexes
    middle = chunks[len(chunks) // 2].chunk_start_offset + 200
    data[middle : middle + 40] = bytes(range(40))
    path = tmp_path / "damaged.mcap"
    path.write_bytes(data)
    log = open_log(path)
    events = list(log.events(1))
    check_contract(events, [info.stream for info in log.streams])
    assert log.counts()["damaged.mcap"]["corrupt"] == 1
    assert of(events, "imu")[-1].stamp_ns > T0 + 1900 * MS
