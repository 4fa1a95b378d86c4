from sixsense.launch.lines import Lines, summary
from sixsense.nodes.wire.status import StreamCounts, TickCounts, WindowCounts


def test_one_line_a_second_and_one_an_event(short_run):
    lines = Lines()
    printed = [line for now_s, message in short_run() for line in lines.update(message, now_s)]
    assert printed[:5] == [
        "00:00:00.25 fused 1 coverage 1.00 camera 33% microphone 33% imu 33%",
        "00:00:01.25 fused 5 coverage 1.00 camera 33% microphone 33% imu 33%",
        "00:00:02.00 alarm begins: score 6.2 in microphone (uncalibrated)",
        "00:00:02.00 encode is away: killed by signal 9",
        "00:00:02.25 fused 9 coverage 0.67 camera 50% microphone 50% | now alarm 6.2",
    ]
    assert sum(" fused " in line for line in printed) == 10


def test_the_account_names_every_item_and_cause(made):
    account = summary(
        made.status(
            12,
            final=True,
            streams={
                "camera": StreamCounts(
                    modality="vision",
                    unit="frame",
                    produced=362,
                    received=362,
                    windowed=360,
                    skipped={"tail": 2},
                )
            },
            windows={"camera": WindowCounts(modality="vision", closed=25, embedded=24, none={"short": 1})},
            ticks=TickCounts(fused=46, complete=46, first_ns=500_000_000, last_ns=11_750_000_000, events=3),
        )
    )
    assert account == [
        "stream  items  produced  received  windowed  skipped     late  dropped  lost  pending",
        "camera  frame  362       362       360       2 (tail 2)  0     0        0     0",
        "input   modality  closed  embedded  reused  none         pending",
        "camera  vision    25      24        0       1 (short 1)  0",
        "fused 46: ticks 00:00:00.50 to 00:00:11.75, 46 complete, 0 at the deadline, "
        "0 without any embedding; 3 events",
        "note: untrained: similarity only",
    ]


def test_losses_end_the_account(made):
    lost = StreamCounts(modality="audio", unit="pcm", dropped={"ring": 960})
    assert (
        summary(made.status(1, streams={"microphone": lost}))[-1] == "LOST dropped(ring) microphone 960 pcm"
    )


def test_a_run_without_anything_has_an_account(made):
    account = summary(made.status(0, streams={}, windows={}, ticks=TickCounts(), notes=()))
    assert account == [
        "fused 0: 0 complete, 0 at the deadline, 0 without any embedding; 0 events",
    ]
