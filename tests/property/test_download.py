"""However often and wherever a connection is cut, and whatever lay there before, the file is the server's."""

import hashlib
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sixsense.encoders.download import download
from sixsense.encoders.errors import DownloadError

SMALL = st.binary(max_size=300)


@given(
    body=SMALL,
    cuts=st.lists(st.integers(0, 300), max_size=4),
    left=SMALL,
    tag=st.sampled_from(['"v1"', '"v2"', ""]),
    ranges=st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_comes_is_the_servers_file_or_an_error(web, tmp_path_factory, body, cuts, left, tag, ranges):
    to = tmp_path_factory.mktemp("models") / "w.pth"
    if tag == '"v1"':
        left = body[: len(left)]
    to.with_name("w.pth.part").write_bytes(left)
    to.with_name("w.pth.part.json").write_text(json.dumps({"tag": tag}))
    url, _ = web.serve(body, cuts=cuts, ranges=ranges)
    try:
        digest = download(url, to, check=lambda *_: None, progress=lambda *_: None, wait=lambda _: None)
    except DownloadError:
        assert not to.exists()
    else:
        assert to.read_bytes() == body
        assert digest == hashlib.sha256(body).hexdigest()
