"""Fetching a released checkpoint and CLIP's vocabulary, checked, into the folder where models are kept."""

from collections.abc import Callable
from pathlib import Path

from .architecture import HUGE
from .checkpoint import DOWNLOADED, VOCABULARY, models_folder
from .digest import sha256_of
from .download import Progress, download
from .errors import DownloadError, ModelError

LICENCE = """\
ImageBind's weights (Meta AI, {file}) are under CC BY-NC-SA 4.0:
you may use and share them, changed or not, for non-commercial purposes only, if you give credit
and put what you make of them under the same licence.
https://creativecommons.org/licenses/by-nc-sa/4.0/
"""
# MIT licence, from the repository of CLIP, whose tokens ImageBind's text trunk was trained on.
VOCABULARY_URL = "https://github.com/openai/CLIP/raw/main/clip/" + VOCABULARY
VOCABULARY_SHA256 = "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"

Say = Callable[[str], None]


def released(name: str) -> tuple[Path, str]:
    """Where a released checkpoint belongs on this machine, and its address. Raises ModelError."""
    if name not in DOWNLOADED:
        raise ModelError(f"{name!r} is not to be downloaded; {', '.join(DOWNLOADED)} is")
    file, url = DOWNLOADED[name]
    return models_folder() / file, url


def licence_note(name: str) -> tuple[Path, str]:
    """The file that says that its user has accepted the licence, and the text that is in it."""
    path, _ = released(name)
    return path.with_name(path.name + ".licence.txt"), LICENCE.format(file=path.name)


def accept_licence(name: str) -> None:
    """Keep the licence beside the weights, so that it is asked for once. Raises DownloadError."""
    _write(*licence_note(name))


def pull_vocabulary(url: str, *, say: Say, progress: Progress) -> Path:
    """Fetch CLIP's list of merges. Raises DownloadError, also when it is not the one that CLIP published."""
    path = models_folder() / VOCABULARY
    if path.is_file():
        _equal(path, sha256_of(path), VOCABULARY_SHA256, "CLIP's")
        say(f"{path} is here already")
        return path

    def check(part: Path, digest: str) -> None:
        _equal(part, digest, VOCABULARY_SHA256, "CLIP's")

    say(f"CLIP's vocabulary (MIT) from {url}")
    download(url, path, check=check, progress=progress)
    return path


def pull_weights(name: str, *, url: str | None, sha256: str | None, say: Say, progress: Progress) -> Path:
    """Fetch a released checkpoint, or check the one that is here, and say what was checked.

    Its SHA-256 must be `sha256` where given, and the pinned one of the first complete download where
    there was one. Raises DownloadError and ModelError; nothing that came is then lost or used.
    """
    path, default = released(name)

    def check(part: Path, digest: str) -> None:
        said = _check_digest(part, path, digest, sha256)
        keys = _check_contents(part)
        say(f"sha256 {digest}: {said}")
        say(f"keys and shapes: all {keys} are imagebind_huge's, none is missing")

    if path.is_file():
        say(f"{path} is here already; checking it")
        digest = sha256_of(path)
        check(path, digest)
    else:
        say(f"{name} from {url or default}")
        digest = download(url or default, path, check=check, progress=progress)
    _write(_pin(path), f"{digest}  {path.name}\n")
    return path


def _check_digest(part: Path, path: Path, digest: str, sha256: str | None) -> str:
    """What the digest was compared with. Raises DownloadError."""
    pinned = _pinned(path)
    if sha256 is not None:
        _equal(part, digest, sha256.strip().lower(), "given with --sha256")
        return "as given with --sha256"
    if pinned is None:
        return f"nothing to compare it with; pinned in {_pin(path).name} for the next download"
    _equal(part, digest, pinned, f"pinned in {_pin(path)}")
    return f"as pinned at the first download ({_pin(path).name})"


def _check_contents(file: Path) -> int:
    """How many keys it has. Raises DownloadError unless they are the released checkpoint's."""
    from .loading import check_weights

    try:
        return len(check_weights(file, HUGE))
    except ModelError as error:
        raise DownloadError(f"{error}; it is not used: delete it, and give another --url") from error


def _pin(path: Path) -> Path:
    """In the format of sha256sum, whose `-c` can check it too."""
    return path.with_name(path.name + ".sha256")


def _pinned(path: Path) -> str | None:
    try:
        return _pin(path).read_text().split()[0]
    except (OSError, IndexError):
        return None


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise DownloadError(f"{path}: cannot be written ({error.strerror})") from error


def _equal(file: Path, digest: str, wanted: str, whose: str) -> None:
    if digest != wanted:
        raise DownloadError(
            f"{file}: its sha256 is {digest}, not {wanted} ({whose}); it is not used. "
            f"If the file is what is wrong, delete it and run this again"
        )
