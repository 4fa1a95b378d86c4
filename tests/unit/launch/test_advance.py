"""Where there is no terminal, a long task says how far it is now and then, and a short one nothing."""

from itertools import count

import pytest
from sixsense.launch.advance import counted_advance


@pytest.mark.parametrize(("seconds_each", "told"), [(0.1, 0), (1.0, 2), (25.0, 29)])
def test_what_nobody_knows_the_number_of_is_told_every_ten_seconds(capsys, seconds_each, told):
    ticks = count(0, seconds_each)
    with counted_advance("prepared", clock=lambda: next(ticks)) as begin:
        for number in range(1, 30):
            begin(f"window {number}")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == told
    for line in lines:
        done, word, _, name = line.split()
        assert word == "prepared"
        assert int(name) == int(done) + 1
