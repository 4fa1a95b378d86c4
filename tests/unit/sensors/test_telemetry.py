"""Row stamps from payload times: even inside a payload, the short last one at the usual rate."""

import numpy as np
from sixsense.sensors.sample import NS
from sixsense.sensors.telemetry import BATCH_NS, Piece, batches, spread


def piece(rows: int, start_ns: int, length_ns: int = NS, stamp_ns: int | None = None) -> Piece:
    return Piece(np.zeros((rows, 3), np.float32), start_ns, length_ns, stamp_ns)


def stamps_of(*pieces: Piece) -> list[np.ndarray]:
    return [stamps for _, stamps in spread(iter(pieces))]


def test_rows_are_even_inside_a_payload() -> None:
    first, second = stamps_of(piece(100, 0), piece(200, NS))
    assert np.array_equal(first, np.arange(100) * NS // 100)
    assert second[0] == NS


def test_the_short_last_payload_has_the_median_rate_of_the_others() -> None:
    *_, last = stamps_of(piece(100, 0), piece(200, NS), piece(200, 2 * NS), piece(10, 3 * NS))
    assert np.array_equal(last, 3 * NS + np.arange(10) * (NS // 200))


def test_a_lone_payload_fills_its_length() -> None:
    assert stamps_of(piece(4, 0))[0].tolist() == [0, NS // 4, NS // 2, 3 * NS // 4]


def test_own_stamps_go_before_payload_times() -> None:
    first, second = stamps_of(piece(100, 0, stamp_ns=1_000), piece(100, NS, stamp_ns=NS + 51_000))
    assert np.array_equal(first, 1_000 + np.arange(100) * (NS + 50_000) // 100)
    assert second[0] == NS + 51_000


def test_a_lost_payload_leaves_a_gap_and_does_not_stretch_the_one_before() -> None:
    first, second = stamps_of(piece(100, 0, stamp_ns=0), piece(100, 3 * NS, stamp_ns=3 * NS))
    assert first[-1] == 99 * NS // 100
    assert second[0] == 3 * NS


def test_stamps_rise_even_where_payloads_overlap() -> None:
    stamps = np.concatenate(stamps_of(piece(50, 0), piece(50, NS // 2), piece(50, NS // 2 + 1)))
    assert (np.diff(stamps) > 0).all()


def test_no_batch_crosses_the_grid_and_no_row_is_lost() -> None:
    cut = list(batches(spread(iter([piece(197, 0), piece(203, NS), piece(4, 2 * NS)]))))
    assert sum(len(rows) for rows, _ in cut) == 404
    assert all(stamps[0] // BATCH_NS == stamps[-1] // BATCH_NS for _, stamps in cut)
    assert len(cut) == 2 * NS // BATCH_NS + 1
