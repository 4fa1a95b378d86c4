"""Fusion is light to import: it runs where no model does."""

import subprocess
import sys

CODE = """
import sys
import sixsense.fusion.engine
heavy = {"torch", "ray", "zmq", "cv2"} & set(sys.modules)
print(sorted(heavy))
"""


def test_fusion_imports_no_torch_ray_zmq_or_cv2():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
