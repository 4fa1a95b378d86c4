"""README is true of the tree as it is."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tree_is_the_tree() -> None:
    code = "import tree; print(tree.HEAD + tree.tree(), end='')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "docs", capture_output=True, text=True)
    assert done.stdout == (ROOT / "docs" / "files.md").read_text(encoding="utf-8"), "run: python docs/tree.py"


def test_every_file_says_what_it_is() -> None:
    for folder in ("sensors", "encoders", "fusion", "nodes", "launch"):
        for path in (ROOT / folder).rglob("*.py"):
            assert path.read_text(encoding="utf-8").startswith('"""'), path


def test_every_link_and_command_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", README, re.M):
        assert f"\n{target}:" in makefile
    listed = subprocess.run(
        [Path(sys.executable).with_name("sixsense"), "--help"], capture_output=True, text=True, check=True
    )
    for command in set(re.findall(r"^sixsense (\w+)", README, re.M)):
        assert command in listed.stdout


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    reasons = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for requirement in project["dependencies"]:
        name = re.split(r"[><=; ]", requirement)[0]
        assert name in reasons, name
