"""Write docs/files.md: every file with one gloss, the first line of what it says of itself.

`python docs/tree.py` rewrites it.
"""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("configs", "sensors", "encoders", "fusion", "nodes", "launch", "bench", "docs")
HEAD = "# Every file, and what it says of itself\n\n"


def tree() -> str:
    """The tree as a Markdown code block."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *FOLDERS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = sorted({line for line in listed.stdout.splitlines() if (ROOT / line).is_file()})
    lines: list[str] = []
    for folder in FOLDERS:
        lines.append(f"{folder}/")
        for file in (f for f in files if f.startswith(f"{folder}/") and not f.endswith("__init__.py")):
            if said := gloss(ROOT / file):
                lines.append(f"  {file.removeprefix(folder + '/'):<24} {said}")
    lines.append(
        "tests/  unit property wire replay service layout: what each says of itself in its first line"
    )
    return "\n".join(["```", *lines, "```", ""])


def gloss(path: Path) -> str:
    """The first line of a module's docstring, a configuration's comment, or a document's title."""
    first = (
        path.read_text(encoding="utf-8").split("\n", 1)[0] if path.suffix in (".py", ".toml", ".md") else ""
    )
    return first.strip('"# ').rstrip(".")


if __name__ == "__main__":
    (ROOT / "docs" / "files.md").write_text(HEAD + tree(), encoding="utf-8")
