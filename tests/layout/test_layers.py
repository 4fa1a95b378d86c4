"""The rules of the tree hold, and each is seen to be caught when it is broken."""

import shutil
import subprocess
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
_spec = spec_from_file_location("layout_rules", Path(__file__).with_name("rules.py"))
assert _spec is not None
assert _spec.loader is not None
rules = module_from_spec(_spec)
_spec.loader.exec_module(rules)

BROKEN = {
    "sensors/a.py": ("from ..encoders.card import ModelCard", "which is above it"),
    "fusion/a.py": ("from sixsense.nodes.ring import Ring", "which is above it"),
    "nodes/a.py": ("from ..launch.plan import plan_run", "only launch, tests and tools"),
    "encoders/a.py": ("from sensors.sample import Sample", "bare import"),
    "launch/a.py": ("import nodes.wire", "bare import"),
    "tests/a.py": ("from launch.cli import main", "bare import"),
    "sensors/b.py": ("def f():\n    import torch", "never imports torch"),
    "encoders/b.py": ("import zmq", "never imports zmq"),
    "fusion/b.py": ("import ray", "never imports ray"),
    "nodes/wire/b.py": ("import cv2", "never imports cv2"),
}


def copied(tmp_path: Path) -> Path:
    ignore = shutil.ignore_patterns(
        ".venv", ".git", "__pycache__", "*.npz", "build", ".*cache", ".hypothesis"
    )
    return Path(shutil.copytree(ROOT, tmp_path / "sixsense", ignore=ignore))


def test_nothing_imports_what_it_must_not() -> None:
    assert rules.violations(ROOT) == []


@pytest.mark.parametrize("file", sorted(BROKEN))
def test_each_rule_is_caught_when_it_is_broken(file: str, tmp_path: Path) -> None:
    line, expected = BROKEN[file]
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(line)
    (problem,) = rules.violations(tmp_path)
    assert problem.startswith(file)
    assert expected in problem


def test_import_linter_catches_a_broken_layer(tmp_path: Path) -> None:
    tree = copied(tmp_path)
    (tree / "sensors" / "broken.py").write_text("from ..fusion import tick\n")
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache"], cwd=tree, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "sixsense.sensors.broken -> sixsense.fusion" in done.stdout


def test_the_packages_of_the_wheel_are_the_folders() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    folders = {
        path.parent.relative_to(ROOT).as_posix()
        for top in rules.FOLDERS
        for path in (ROOT / top).rglob("*.py")
    }
    data = {"configs", "encoders/weights"}
    assert listed == {"sixsense"} | {"sixsense." + f.replace("/", ".") for f in folders | data}


def test_the_root_has_no_python_file_but_its_init() -> None:
    assert [path.name for path in ROOT.glob("*.py")] == ["__init__.py"]
    for folder in ("nodes", "encoders", "fusion", "sensors"):
        assert (ROOT / folder / "__init__.py").is_file()
    for folder in ("launch", "configs"):
        assert not (ROOT / folder / "__init__.py").exists()


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("from sixsense import Subscriber", ("torch", "ray", "cv2", "av")),
        ("import sixsense.nodes.wire.control", ("torch", "ray", "cv2", "av")),
        ("import sixsense.fusion.engine", ("torch", "ray", "zmq")),
        ("import sixsense.sensors.simulated.robot, sixsense.sensors.recording", ("torch", "ray", "zmq")),
        ("import sixsense.launch.plan", ("torch", "ray")),
        ("import sixsense.launch.cli", ("torch", "ray", "av", "cv2", "zmq", "numpy")),
    ],
)
def test_what_an_import_must_not_bring_along(statement: str, absent: tuple[str, ...]) -> None:
    code = f"import sys; {statement}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(absent) & set(done.stdout.split())


def test_the_public_names_are_few_and_all_there() -> None:
    import sixsense

    assert sixsense.__all__ == ["Subscriber", "__version__", "load_model"]
    assert all(getattr(sixsense, name) for name in sixsense.__all__)
    with pytest.raises(AttributeError, match="it has Subscriber"):
        _ = sixsense.Subscribe
