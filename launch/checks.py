"""What `doctor` looks at, one function each: what is there, how bad it is, and what helps."""

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import msgspec

from .. import __version__
from ..nodes.runtime import is_private, runtime_root
from .ports import holder, is_free

Level = Literal["ok", "warn", "fail"]

PORTS = {5555: "remote sensors", 5556: "results", 5557: "control"}
SHM_BYTES = 256 << 20
PACKAGES = ("numpy", "pyzmq", "msgpack", "msgspec", "typer", "rich", "safetensors", "tokenizers", "av")

# A model that gives back its input: onnxruntime only tells which provider it really uses once it has one.
IDENTITY_ONNX = (
    b'\x08\x08:7\n\x10\n\x01x\x12\x01y"\x08Identity\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01'
    b"b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x02\x10\r"
)


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the doctor. `fix` says what to do about a level that is not ok."""

    name: str
    level: Level
    text: str
    fix: str = ""


def python() -> Iterator[Check]:
    """The interpreter and sixsense itself."""
    number = sys.version.split()[0]
    good = sys.version_info >= (3, 11)
    yield Check(
        name="python",
        level="ok" if good else "fail",
        text=f"{number}, sixsense {__version__}, {os.cpu_count()} cores",
        fix="" if good else "sixsense needs Python 3.11 or newer: create the environment with python3.11",
    )


def packages() -> Iterator[Check]:
    """Everything imported that has no check of its own."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            fix = f"pip install {name}"
            yield Check(name=name, level="fail", text="not installed", fix=fix)
    yield Check(name="packages", level="ok", text=" ".join(f"{n} {v}" for n, v in found.items()))


def torch() -> Iterator[Check]:
    """torch, and whether it sees the GPU that the machine has."""
    import torch

    if torch.cuda.is_available():
        device = f"CUDA {torch.version.cuda}, {torch.cuda.get_device_name(0)}"
        yield Check(name="torch", level="ok", text=f"{torch.__version__}, {device}")
    elif has_nvidia():
        fix = "install torch's CUDA build (https://pytorch.org/get-started) and a driver new enough for it"
        text = f"{torch.__version__} sees no CUDA although there is an NVIDIA GPU"
        yield Check(name="torch", level="warn", text=text, fix=fix)
    else:
        yield Check(name="torch", level="ok", text=f"{torch.__version__}, CPU (no NVIDIA GPU here)")


def onnxruntime() -> Iterator[Check]:
    """onnxruntime, and which provider a session really gets: it falls back to the CPU without an error."""
    import onnxruntime

    text = f"{onnxruntime.__version__}, offers {', '.join(_short(onnxruntime.get_available_providers()))}"
    if not has_nvidia():
        yield Check(name="onnxruntime", level="ok", text=f"{text}; uses CPU (no NVIDIA GPU here)")
        return
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    wanted = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    used = onnxruntime.InferenceSession(IDENTITY_ONNX, options, providers=wanted).get_providers()[0]
    good = used == wanted[0]
    yield Check(
        name="onnxruntime",
        level="ok" if good else "warn",
        text=f"{text}; uses {_short([used])[0]}",
        fix="" if good else 'pip install "onnxruntime-gpu[cuda,cudnn]": it lacks CUDA or cuDNN libraries',
    )


def ray() -> Iterator[Check]:
    """Ray's version and the token that keeps others out: Ray listens on every interface."""
    yield Check(name="ray", level="ok", text=version("ray"))
    mode = os.environ.get("RAY_AUTH_MODE", "token")
    if mode.lower() != "token":
        text = f"RAY_AUTH_MODE={mode}: whoever reaches this machine can run code through Ray"
        fix = "unset RAY_AUTH_MODE (sixsense then sets token)"
        yield Check(name="ray token", level="fail", text=text, fix=fix)
        return
    given = os.environ.get("RAY_AUTH_TOKEN_PATH")
    path = Path(given or "")
    if given is None:
        whose = "from RAY_AUTH_TOKEN" if "RAY_AUTH_TOKEN" in os.environ else "a new one for every run"
        yield Check(name="ray token", level="ok", text=whose)
    elif not path.is_file():
        fix = "unset RAY_AUTH_TOKEN_PATH (sixsense then makes one for every run), or write a token there"
        yield Check(name="ray token", level="fail", text=f"there is no {path}", fix=fix)
    elif path.stat().st_mode & 0o077:
        text = f"{path} can be read by others (mode {stat.S_IMODE(path.stat().st_mode):o})"
        yield Check(name="ray token", level="fail", text=text, fix=f"chmod 600 {path}")
    else:
        yield Check(name="ray token", level="ok", text=f"in {path}")


def shared_memory() -> Iterator[Check]:
    """Room in /dev/shm, where Ray keeps its object store."""
    path = Path("/dev/shm")
    if not path.is_dir():
        yield Check(name="/dev/shm", level="ok", text="not used on this system")
        return
    free = shutil.disk_usage(path).free
    good = free >= SHM_BYTES
    yield Check(
        name="/dev/shm",
        level="ok" if good else "warn",
        text=f"{free >> 20} MiB free",
        fix="" if good else f"Ray wants {SHM_BYTES >> 20} MiB: in a container, start it with --shm-size=1g",
    )


def ports() -> Iterator[Check]:
    """The ports of the default endpoints."""
    for port, use in PORTS.items():
        if is_free(port):
            yield Check(name=f"port {port}", level="ok", text=f"free ({use})")
        else:
            fix = "stop it, or choose other [endpoints] in the configuration"
            text = f"used by {holder(port)}; {use} go there"
            yield Check(name=f"port {port}", level="warn", text=text, fix=fix)


def audio() -> Iterator[Check]:
    """libportaudio, which a live microphone needs."""
    try:
        import sounddevice
    except OSError as error:
        fix = "apt install libportaudio2 (macOS: brew install portaudio); recordings work without"
        yield Check(name="portaudio", level="warn", text=f"no live microphone: {error}", fix=fix)
        return
    yield Check(name="portaudio", level="ok", text=sounddevice.get_portaudio_version()[1])


def opencv() -> Iterator[Check]:
    """OpenCV, which wants libGL on some systems."""
    try:
        import cv2
    except ImportError as error:
        fix = "apt install libgl1 libglib2.0-0, or pip install opencv-python-headless instead"
        yield Check(name="opencv", level="fail", text=str(error), fix=fix)
        return
    yield Check(name="opencv", level="ok", text=cv2.__version__)


def runtime_directory() -> Iterator[Check]:
    """Where the nodes' sockets are: nobody else may enter."""
    folder = runtime_root()
    if not folder.parent.is_dir() or not os.access(folder.parent, os.W_OK):
        text = f"{folder.parent} is not a folder that can be written"
        fix = "set XDG_RUNTIME_DIR to a folder of your own, mode 700"
        yield Check(name="runtime directory", level="fail", text=text, fix=fix)
    elif folder.exists() and not is_private(folder):
        text = f"{folder} is not only yours"
        fix = f"remove it (rm -r {folder}); the next run creates it with mode 700"
        yield Check(name="runtime directory", level="fail", text=text, fix=fix)
    else:
        yield Check(name="runtime directory", level="ok", text=str(folder))


def mini() -> Iterator[Check]:
    """The model that ships with the package."""
    path = Path(__file__).resolve().parent.parent / "encoders" / "weights" / "mini.safetensors"
    if not path.is_file():
        fix = "install sixsense again: its wheel brings this file"
        yield Check(name="mini", level="fail", text=f"{path} is missing", fix=fix)
        return
    from ..encoders.card import read_card

    card = read_card("mini")
    state = "trained" if card.trained else "untrained: similarity only"
    yield Check(name="mini", level="ok", text=f"{card.space_id}, {path.stat().st_size >> 10} KiB, {state}")


CHECKS: tuple[Callable[[], Iterator[Check]], ...] = (
    python,
    packages,
    ray,
    shared_memory,
    ports,
    runtime_directory,
    mini,
    audio,
    opencv,
    onnxruntime,
    torch,
)
"""Quick ones first, so that the first line does not wait for torch."""


def has_nvidia() -> bool:
    """Whether the machine has an NVIDIA GPU that its driver shows."""
    return Path("/dev/nvidiactl").exists() or Path("/proc/driver/nvidia/version").exists()


def _short(providers: list[str]) -> list[str]:
    return [name.removesuffix("ExecutionProvider") for name in providers]
