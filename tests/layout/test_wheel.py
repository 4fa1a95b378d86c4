"""The built wheel, from another folder: beside ROS's `launch`, and with the light install only."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LIGHT = ("pyzmq", "msgpack", "numpy", "msgspec")


def run(*command: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a clean Python environment."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | env
    return subprocess.run([*map(str, command)], cwd=cwd, env=clean, capture_output=True, text=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the files that git would give a clone."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    files = run("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=ROOT).stdout.split("\0")
    for name in filter(None, files):
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            target.write_bytes((ROOT / name).read_bytes())
    build = ["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", out, tree]
    done = run(sys.executable, *build, cwd=out)
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


def test_it_holds_the_package_and_its_data_only(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = (
        "py.typed",
        "configs/demo.toml",
        "encoders/weights/mini.safetensors",
        "nodes/wire/subscriber.py",
    )
    assert {f"sixsense/{name}" for name in expected} <= names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"sixsense"}
    assert not [n for n in names if n.startswith(("sixsense/tests", "sixsense/docs", "sixsense/bench"))]


def test_it_works_beside_a_package_called_launch(wheel: Path, tmp_path: Path) -> None:
    site, ros = tmp_path / "site", tmp_path / "ros"
    (ros / "launch").mkdir(parents=True)
    (ros / "launch" / "__init__.py").write_text("WHOSE = 'ROS'\n")
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import launch, sixsense, sixsense.launch.plan, sixsense.launch.config as config\n"
        "print(launch.WHOSE, config.load_config('demo').robot, sixsense.__file__)"
    )
    done = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=f"{site}:{ros}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ROS ")
    assert str(site) in done.stdout


def test_the_light_install_subscribes_and_names_what_is_missing(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=tmp_path)
    pip = [sys.executable, "-m", "pip", "--python", venv / "bin" / "python", "install", "--quiet"]
    for packages in (["--no-deps", wheel], [*LIGHT]):
        done = run(*pip, *packages, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    python = venv / "bin" / "python"
    code = (
        "from sixsense import Subscriber\n"
        "try:\n    Subscriber('ipc:///nowhere', 'match').recv(timeout=0.1)\n"
        "except TimeoutError as error:\n    print('timeout:', error)"
    )
    done = run(python, "-c", code, cwd=tmp_path)
    assert done.stdout.startswith("timeout: nothing from ipc:///nowhere"), done.stderr
    done = run(python, "-c", "from sixsense import load_model", cwd=tmp_path)
    assert "sixsense.load_model needs torch: pip install sixsense" in done.stderr
    done = run(venv / "bin" / "sixsense", "listen", cwd=tmp_path)
    assert done.returncode == 1
    assert "pip install typer" in done.stderr
    assert "Traceback" not in done.stderr
