from io import StringIO

import pytest
from rich.console import Console
from sixsense.launch.bars import bar, stacked
from sixsense.launch.display import View

PICTURE = """\
sixsense r · mini · untrained: similarity only                                     00:00:02.25  ×1.0
╭─ sensed → embedded → fused ──────────────────────────────────────────────────────────────────────╮
│ input        modality    sensed /s   windows  quality         age ms  share of the fused vector  │
│ camera       vision             30         9  ━━━━━━── 0.75      115  ━━━━━━━━━━──────────  50 % │
│ imu          imu               200      7 -2  ━━━━━━── 0.75        –  ────────────────────  out  │
│ microphone   audio          16.0 k         9  ━━━━━━── 0.75      115  ━━━━━━━━━━──────────  50 % │
│                                                                                                  │
│ fused     ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  9  coverage ━━━━━╸── 67 %                              │
╰──────────────────────────────────────────────────────────────────────────────────────────────────╯
╭─ watching ───────────────────────────────────────────────────────────────────────────────────────╮
│ alarm  ━━━━━━━━━━━━╸───────   6.2  since 00:00:02.00 in microphone                               │
╰──────────────────────────────────────────────────────────────────────────────────────────────────╯
╭─ events ─────────────────────────────────────────────────────────────────────────────────────────╮
│              · starting                                                                          │
│ 00:00:02.00  ▶ alarm begins: score 6.2 in microphone (uncalibrated)                              │
│ 00:00:02.00  ! encode is away: killed by signal 9                                                │
╰──────────────────────────────────────────────────────────────────────────────────────────────────╯
  ● ingest   ● encode   ● fuse   ● edge
  ms (median / p99): encode 12.0 / 20.0
"""


def painted(view: View, now_s: float, *, width: int = 100, height: int = 30) -> str:
    out = StringIO()
    console = Console(file=out, width=width, color_system=None, force_terminal=True, legacy_windows=False)
    console.print(view.render(now_s, height))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def test_the_picture_of_a_run(short_run):
    view = View("r")
    view.say("starting")
    for now_s, message in short_run():
        if now_s < 2.3:
            view.update(message, now_s)
    assert painted(view, 2.35) == PICTURE


def test_the_first_picture_says_that_it_starts():
    picture = painted(View("demo"), 0.0)
    assert "starting ..." in picture
    assert "waiting for the first embedding" in picture


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_any_width_is_painted_within_itself(short_run, width):
    view = View("r")
    for now_s, message in short_run():
        view.update(message, now_s)
    assert max(map(len, painted(view, 11.0, width=width).splitlines())) <= width


def test_a_low_terminal_keeps_the_newest_events(short_run):
    view = View("r")
    for number in range(50):
        view.say(f"line {number}")
    for now_s, message in short_run():
        view.update(message, now_s)
    picture = painted(view, 11.0, height=24)
    assert len(picture.splitlines()) <= 24
    assert "alarm ended" in picture


def test_nodes_that_are_away_and_losses_are_visible(made):
    view = View("r")
    status = made.status(1)
    nodes = (made.status(1).nodes[0], type(status.nodes[1])(name="encode", state="DOWN", restarts=1))
    view.update(made.status(1, nodes=nodes, outages=(made.outage(0),)), 1.0)
    picture = painted(view, 1.0)
    assert "● encode DOWN restarted 1×" in picture
    assert "encode is away: killed by signal 9" in picture


@pytest.mark.parametrize(
    ("fraction", "filled"),
    [(0, 0), (1, 10), (0.5, 5), (0.54, 6), (7.0, 10), (-1, 0), (float("nan"), 0), (float("inf"), 10)],
)
def test_a_bar_fills_its_fraction(fraction, filled):
    text = bar(fraction, 10, "red")
    assert len(text) == 10
    assert sum(span.end - span.start for span in text.spans if span.style == "red") == filled


def test_stacked_shares_fill_the_whole_bar():
    assert len(stacked([(1 / 3, "red"), (1 / 3, "blue"), (1 / 3, "green")], 20)) == 20
    thirds = [span.style for span in stacked([(1 / 3, "red"), (2 / 3, "blue")], 20).spans]
    assert thirds[:2] == ["red", "blue"]
