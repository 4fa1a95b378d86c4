"""SHA-256 of weights files; a large one's is remembered beside it, because reading it takes seconds."""

import hashlib
import json
import os
from pathlib import Path

# Reading more than this takes longer than a start should.
REMEMBER_BYTES = 64_000_000


def sha256_of(path: Path) -> str:
    """64 hexadecimal digits; a large file's come from `<file>.sha256.json` until the file changes."""
    if path.stat().st_size <= REMEMBER_BYTES:
        return compute_sha256(path)
    try:
        remembered = json.loads(_note(path).read_bytes())
        if remembered["state"] == _state(path):
            return str(remembered["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    digest = compute_sha256(path)
    remember_sha256(path, digest)
    return digest


def compute_sha256(path: Path) -> str:
    """64 hexadecimal digits, from the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of_files(folder: Path) -> str:
    """SHA-256 over the names and contents of all files below `folder`, or of one file."""
    found = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
    lines = (f"{path.relative_to(folder)} {compute_sha256(path)}" for path in found)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def remember_sha256(path: Path, digest: str) -> None:
    """Keep what `sha256_of` would compute; in a folder that cannot be written it is computed again."""
    note = _note(path)
    draft = note.with_name(f"{note.name}.{os.getpid()}")
    try:
        draft.write_text(json.dumps({"state": _state(path), "sha256": digest}))
        draft.replace(note)
    except OSError:
        draft.unlink(missing_ok=True)


def _note(path: Path) -> Path:
    return path.with_name(path.name + ".sha256.json")


def _state(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
