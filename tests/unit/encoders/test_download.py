import hashlib
import json
import os
import resource
from pathlib import Path

import pytest
from sixsense.encoders import download as download_module
from sixsense.encoders.digest import sha256_of
from sixsense.encoders.download import download
from sixsense.encoders.errors import DownloadError

BODY = os.urandom(3_000_000)
DIGEST = hashlib.sha256(BODY).hexdigest()


class Fetch:
    """Downloads to one place, noting the pauses and the progress."""

    def __init__(self, to: Path) -> None:
        self.to, self.part = to, to.with_name(to.name + ".part")
        self.pauses: list[float] = []
        self.progress: list[tuple[int, int | None]] = []

    def __call__(self, url: str, check=lambda *_: None) -> str:
        def progress(done: int, total: int | None) -> None:
            self.progress.append((done, total))

        return download(url, self.to, check=check, progress=progress, wait=self.pauses.append)


@pytest.fixture
def fetch(tmp_path) -> Fetch:
    return Fetch(tmp_path / "models" / "weights.pth")


def test_a_file_comes_whole_with_its_digest(web, fetch):
    url, page = web.serve(BODY)
    assert fetch(url) == DIGEST == sha256_of(fetch.to)
    assert fetch.to.read_bytes() == BODY
    assert [path.name for path in fetch.to.parent.iterdir() if "sha256" not in path.name] == ["weights.pth"]
    assert page.asked == [None]
    assert fetch.progress[0] == (0, len(BODY))
    assert fetch.progress[-1] == (len(BODY), len(BODY))


def test_a_cut_connection_is_taken_up_where_it_ended(web, fetch):
    url, page = web.serve(BODY, cuts=[1_500_000, 1_000_000])
    assert fetch(url) == DIGEST
    assert page.asked == [None, "bytes=1500000-", "bytes=2500000-"]
    assert fetch.pauses == [1, 1]


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(web, fetch):
    url, page = web.serve(BODY, cuts=[1_000_000, 0, 0, 0])
    with pytest.raises(
        DownloadError, match=r"cut off after 1000000 of 3000000 bytes; 1\.0 MB are kept in .*part"
    ):
        fetch(url)
    assert fetch.pauses == [1, 2, 4]
    assert fetch.part.stat().st_size == 1_000_000
    assert not fetch.to.exists()
    assert fetch(url) == DIGEST
    assert page.asked[-1] == "bytes=1000000-"


def test_a_server_without_range_starts_again(web, fetch):
    url, page = web.serve(BODY, cuts=[1_500_000], ranges=False)
    assert fetch(url) == DIGEST
    assert page.asked == [None, "bytes=1500000-"]
    assert (0, len(BODY)) in fetch.progress[2:]


def test_a_server_that_does_not_say_which_version_starts_again(web, fetch):
    url, page = web.serve(BODY, cuts=[1_500_000], tag=None)
    assert fetch(url) == DIGEST
    assert page.asked == [None, None]


def test_a_file_that_changed_meanwhile_is_not_patched_together(web, fetch):
    url, page = web.serve(BODY, cuts=[1_500_000, 0, 0, 0])
    with pytest.raises(DownloadError):
        fetch(url)
    page.body, page.tag = BODY[::-1], '"v2"'
    fetch(url)
    assert fetch.to.read_bytes() == BODY[::-1]


def test_a_weak_tag_does_not_promise_the_same_bytes(web, fetch):
    url, page = web.serve(BODY, cuts=[1_500_000], tag='W/"v1"')
    assert fetch(url) == DIGEST
    assert page.asked == [None, None]


def test_a_part_that_was_whole_already_is_not_fetched_again(web, fetch):
    url, page = web.serve(BODY)

    def refuse(_: Path, digest: str) -> None:
        raise DownloadError(f"not {digest}")

    with pytest.raises(DownloadError, match=DIGEST):
        fetch(url, refuse)
    assert not fetch.to.exists()
    assert fetch(url) == DIGEST
    assert page.asked == [None, f"bytes={len(BODY)}-"]


def test_a_part_longer_than_the_file_is_thrown_away(web, fetch):
    url, _ = web.serve(BODY)
    fetch.part.parent.mkdir()
    fetch.part.write_bytes(BODY + b"x")
    fetch.part.with_name("weights.pth.part.json").write_text(json.dumps({"tag": '"v1"'}))
    assert fetch(url) == DIGEST


@pytest.mark.parametrize("note", ["", "rubbish", "[]", "{}"])
def test_a_part_without_a_readable_note_is_thrown_away(web, fetch, note):
    url, page = web.serve(BODY)
    fetch.part.parent.mkdir()
    fetch.part.write_bytes(b"x" * 10)
    fetch.part.with_name("weights.pth.part.json").write_text(note)
    assert fetch(url) == DIGEST
    assert page.asked == [None]


@pytest.mark.parametrize(("length", "said"), [(4_000_000, "3000000 of 4000000"), (2_000_000, None)])
def test_a_wrong_length_is_noticed(web, fetch, length, said):
    url, _ = web.serve(BODY, length=length, ranges=False)
    if said:
        with pytest.raises(DownloadError, match=f"cut off after {said} bytes"):
            fetch(url)
    else:
        assert fetch(url) == hashlib.sha256(BODY[:length]).hexdigest()


def test_a_server_that_announces_no_length_is_read_to_its_end(web, fetch):
    url, _ = web.serve(BODY, length=-1)
    assert fetch(url) == DIGEST
    assert fetch.progress[-1] == (len(BODY), None)


def test_an_empty_file_is_a_file(web, fetch):
    url, _ = web.serve(b"")
    assert fetch(url) == hashlib.sha256(b"").hexdigest()


def test_a_busy_server_is_asked_again_and_a_refusal_is_not(web, fetch):
    url, page = web.serve(BODY, statuses=[503, 429])
    assert fetch(url) == DIGEST
    assert len(page.asked) == 3
    url, page = web.serve(BODY, statuses=[403])
    with pytest.raises(DownloadError, match="the server says 403"):
        fetch(url)
    assert len(page.asked) == 1


def test_no_server_is_said_after_a_few_tries(fetch):
    with pytest.raises(DownloadError, match=r"no connection \(.*refused"):
        fetch("http://127.0.0.1:9/x")
    assert fetch.pauses == [1, 2, 4]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "weights.pth"])
def test_other_addresses_are_refused(fetch, url):
    with pytest.raises(DownloadError, match="begins with https"):
        fetch(url)


def test_a_full_disk_is_known_before_it_is_full(web, fetch, monkeypatch):
    url, _ = web.serve(BODY)
    usage = type("Usage", (), {"free": 2_000_000})
    monkeypatch.setattr(download_module.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match="3 MB are still to come and 2 MB are free"):
        fetch(url)


def test_a_disk_that_takes_no_more_keeps_what_it_has(web, fetch):
    url, page = web.serve(BODY)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, before[1]))
    try:
        with pytest.raises(DownloadError, match=r"weights\.pth\.part: cannot be written \(File too large\)"):
            fetch(url)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert fetch.part.stat().st_size == 2_000_000
    assert fetch(url) == DIGEST
    assert page.asked == [None, "bytes=2000000-"]


def test_a_folder_that_cannot_be_made_is_said(web, tmp_path):
    (tmp_path / "models").write_text("a file")
    url, _ = web.serve(BODY)
    with pytest.raises(DownloadError, match=r"cannot be written"):
        Fetch(tmp_path / "models" / "weights.pth")(url)


def test_two_downloads_do_not_write_one_file(web, fetch):
    url, _ = web.serve(BODY)

    def meanwhile(*_: object) -> None:
        with pytest.raises(DownloadError, match="another process is downloading it"):
            fetch(url)

    assert fetch(url, meanwhile) == DIGEST
