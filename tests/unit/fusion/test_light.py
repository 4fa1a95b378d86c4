"""Fusion is light to import, and whole without a bus: it runs where no model, Ray or ZeroMQ does."""

import subprocess
import sys

import pytest
import sixsense.fusion

CODE = """
import sys
import sixsense.fusion.engine
from sixsense.fusion import *
from sixsense import fusion
assert all(getattr(fusion, name).__name__ == name for name in fusion.__all__)
heavy = {"torch", "ray", "zmq", "cv2", "msgpack"} & set(sys.modules)
print(sorted(heavy))
"""


def test_fusion_imports_no_torch_ray_zmq_or_cv2():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_name_that_is_not_there_is_said_with_those_that_are():
    with pytest.raises(AttributeError, match=r"no attribute 'Queries'; it has .*Query"):
        _ = sixsense.fusion.Queries  # pyright: ignore[reportAttributeAccessIssue]
