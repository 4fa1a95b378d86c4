"""The benches' own modules, which import each other as scripts do."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent.parent.parent / "bench"


@pytest.fixture(autouse=True, scope="session")
def bench() -> Iterator[Path]:
    sys.path.insert(0, str(BENCH))
    yield BENCH
    sys.path.remove(str(BENCH))
