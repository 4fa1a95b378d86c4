"""What every test may use: the folder of shared recordings and goldens, when it is there."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recordings and goldens beside the repository; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip(f"no recordings and goldens at {SHARED}")
    return SHARED
