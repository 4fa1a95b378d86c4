import hashlib
import io
import subprocess

import pytest
import torch
from sixsense.encoders import pull as pull_module
from sixsense.encoders.architecture import Architecture, Trunk
from sixsense.encoders.checkpoint import VOCABULARY, find_checkpoint, models_folder
from sixsense.encoders.errors import DownloadError, ModelError
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.pull import accept_licence, licence_note, pull_vocabulary, pull_weights

SMALL = Architecture(8, {"imu": Trunk(8, 1, 2), "text": Trunk(8, 1, 2)}, vocabulary=259)


def weights(without: str | None = None) -> bytes:
    state = {key: torch.zeros(value.shape) for key, value in ImageBind(SMALL).state_dict().items()}
    state.pop(without, None)
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(pull_module, "HUGE", SMALL)


class Puller:
    """Pulls the small model, noting what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __call__(self, url: str, sha256: str | None = None):
        self.said.clear()
        return pull_weights(
            "imagebind-huge", url=url, sha256=sha256, say=self.said.append, progress=lambda *_: None
        )


@pytest.fixture
def pull() -> Puller:
    return Puller()


def test_the_weights_come_where_the_model_is_looked_for(web, pull):
    url, _ = web.serve(weights())
    assert pull(url) == find_checkpoint("imagebind-huge").weights


def test_a_first_download_is_pinned_and_says_so(web, pull):
    body = weights()
    digest = hashlib.sha256(body).hexdigest()
    path = pull(web.serve(body)[0])
    assert any(
        "nothing to compare it with; pinned in imagebind_huge.pth.sha256" in said for said in pull.said
    )
    assert f"keys and shapes: all {len(ImageBind(SMALL).state_dict())} are imagebind_huge's" in pull.said[-1]
    assert path.with_name("imagebind_huge.pth.sha256").read_text() == f"{digest}  imagebind_huge.pth\n"
    check = ["sha256sum", "-c", "imagebind_huge.pth.sha256"]
    assert subprocess.run(check, cwd=path.parent, capture_output=True).returncode == 0


def test_a_later_download_must_be_the_pinned_one(web, pull):
    body = weights()
    path = pull(web.serve(body)[0])
    path.unlink()
    pull(web.serve(body)[0])
    assert any("as pinned at the first download" in said for said in pull.said)
    path.unlink()
    with pytest.raises(
        DownloadError, match=r"not .* \(pinned in .*imagebind_huge\.pth\.sha256\); it is not used"
    ):
        pull(web.serve(body + b"x")[0])
    assert not path.exists()


def test_a_digest_that_is_given_decides(web, pull):
    body = weights()
    digest = hashlib.sha256(body).hexdigest()
    url, page = web.serve(body)
    with pytest.raises(DownloadError, match=f"its sha256 is {digest}, not {64 * '0'} .*--sha256"):
        pull(url, 64 * "0")
    assert not (models_folder() / "imagebind_huge.pth").exists()
    pull(url, digest.upper())
    assert any("as given with --sha256" in said for said in pull.said)
    assert len(page.asked) == 2
    assert page.asked[1] == f"bytes={len(body)}-"


def test_what_is_here_already_is_checked_and_not_fetched(web, pull):
    url, page = web.serve(weights())
    path = pull(url)
    pull(url)
    assert len(page.asked) == 1
    assert any("as pinned" in said for said in pull.said)
    path.write_bytes(weights(without="modality_heads.imu.3.weight"))
    with pytest.raises(DownloadError, match="pinned in"):
        pull(url)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (weights(without="modality_heads.imu.3.weight"), r"modality_heads\.imu\.3\.weight is missing"),
        (weights()[:-1000], "no readable state dict"),
        (b"<html>Access denied</html>", r"no readable state dict \(no file of torch\.save's"),
    ],
)
def test_what_is_no_such_checkpoint_gets_no_name(web, pull, body, message):
    with pytest.raises(DownloadError, match=f"{message}.*; it is not used: delete it, and "):
        pull(web.serve(body)[0])
    assert not (models_folder() / "imagebind_huge.pth").exists()
    assert not (models_folder() / "imagebind_huge.pth.sha256").exists()


def test_only_released_models_are_pulled():
    with pytest.raises(ModelError, match="'mini' is not to be downloaded; imagebind-huge is"):
        licence_note("mini")


def test_the_licence_is_kept_beside_the_weights():
    note, text = licence_note("imagebind-huge")
    assert not note.exists()
    accept_licence("imagebind-huge")
    assert note.read_text() == text
    assert "CC BY-NC-SA 4.0" in text


def pull_words(url: str) -> list[str]:
    said: list[str] = []
    pull_vocabulary(url, say=said.append, progress=lambda *_: None)
    return said


def test_the_vocabulary_must_be_clips_own(web, monkeypatch):
    url, page = web.serve(b"merges")
    with pytest.raises(DownloadError, match=r"\(CLIP's\)"):
        pull_words(url)
    monkeypatch.setattr(pull_module, "VOCABULARY_SHA256", hashlib.sha256(b"merges").hexdigest())
    assert pull_words(url) == [f"CLIP's vocabulary (MIT) from {url}"]
    assert (models_folder() / VOCABULARY).read_bytes() == b"merges"
    assert "already" in pull_words(url)[0]
    assert len(page.asked) == 2


def test_the_vocabularys_digest_is_that_of_a_real_copy(shared):
    copy = (shared / "vocab" / VOCABULARY).read_bytes()
    assert hashlib.sha256(copy).hexdigest() == pull_module.VOCABULARY_SHA256
