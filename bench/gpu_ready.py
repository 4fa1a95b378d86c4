"""Whether the GPU's tests and benchmark can be run here: exit status 1 and the reason, if not.

python bench/gpu_ready.py
"""

import sys
from importlib.util import find_spec

NEEDED = {
    "torch": "torch",
    "numpy": "numpy",
    "msgspec": "msgspec",
    "safetensors": "safetensors",
    "cv2": "opencv-python-headless",
    "pytest": "pytest",
    "pytest_timeout": "pytest-timeout",
}
"""What they import, and what installs it: neither Ray nor ZeroMQ, nor the package itself."""


def obstacle() -> str | None:
    """Why nothing can be run here."""
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        return f"missing packages: nothing was run. pip install {' '.join(missing)}"
    import torch

    if not torch.cuda.is_available():
        return f"no CUDA device: nothing was run (torch {torch.__version__} sees none)"
    return None


if __name__ == "__main__":
    sys.exit(obstacle())
