"""The example of docs/ask.md runs as it stands there."""

import re
from pathlib import Path

import pytest

DOC = Path(__file__).parents[3] / "docs" / "ask.md"


def test_the_python_example_finds_the_siren(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(example, str(DOC), "exec"), {"__name__": "example"})
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("siren 13.0 ")
