import pytest
from sixsense.launch.board import Board, clock_text, losses
from sixsense.nodes.wire.status import StreamCounts
from sixsense.sensors.sample import NS


def test_a_run_is_added_up(short_run):
    board = Board()
    for now_s, message in short_run():
        board.update(message, now_s)
    assert board.fused_count == 40
    assert board.inputs["camera"].embedded == 40
    assert (board.inputs["imu"].embedded, board.inputs["imu"].none) == (32, 8)
    assert board.rates == {"camera": 30, "microphone": 16000, "imu": 200}
    assert board.speed() == pytest.approx(1.0)
    assert not board.active


def test_events_and_outages_are_logged_once_each(short_run):
    board = Board()
    entries = [entry for now_s, message in short_run() for entry in board.update(message, now_s)]
    assert [(entry.kind, entry.text) for entry in entries] == [
        ("begin", "alarm begins: score 6.2 in microphone (uncalibrated)"),
        ("outage", "encode is away: killed by signal 9"),
        ("outage", "encode is back after 2.0 s: killed by signal 9"),
        ("end", "alarm ended: lasted 3.00 s, peak 9.0"),
    ]
    assert list(board.log) == entries


def test_an_input_that_is_left_out_of_a_tick_has_no_part(made):
    board = Board()
    board.update(made.fused(1, "camera", "imu"), 0.0)
    board.update(made.fused(2, "camera"), 0.25)
    assert board.inputs["imu"].part is None
    assert board.inputs["camera"].part is not None


def test_age_grows_while_nothing_comes(made):
    board = Board()
    board.update(made.fused(1, "camera"), 10.0)
    part = board.inputs["camera"].part
    assert board.age_s(part, 10.0) == pytest.approx(0.025)
    assert board.age_s(part, 12.0) == pytest.approx(2.025)


def test_a_restarted_node_counts_anew_without_a_strange_rate(made):
    board = Board()
    board.update(made.status(5), 5.0)
    board.update(made.status(5), 5.1)
    assert board.rates == {}


def test_every_loss_is_named_by_stream_cause_and_count(made):
    counts = StreamCounts(
        modality="audio",
        unit="pcm",
        unread={"overrun": 480, "gap": 0},
        dropped={"ring": 960},
        lost_in_transport={"gap": 3},
        late=2,
    )
    assert losses(made.status(1, streams={"microphone": counts})) == [
        "unread(overrun) microphone 480 pcm",
        "lost(gap) microphone 3 pcm",
        "dropped(ring) microphone 960 pcm",
        "late microphone 2 pcm",
    ]
    assert losses(made.status(1)) == []


@pytest.mark.parametrize(
    ("stamp_ns", "text"),
    [(0, "00:00:00.00"), (8 * NS + 259_000_000, "00:00:08.25"), (1_700_000_000 * NS, "22:13:20.00")],
)
def test_stamps_are_times_of_day(stamp_ns, text):
    assert clock_text(stamp_ns) == text
