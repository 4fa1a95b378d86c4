import gzip

import pytest
from sixsense.encoders import preprocess
from sixsense.encoders.errors import ModelError
from sixsense.encoders.tokenizer import ByteTokenizer, ClipTokenizer, OwnTokenizer, clean, learn_merges


@pytest.fixture(scope="module")
def clip(shared) -> ClipTokenizer:
    return ClipTokenizer(shared / "vocab" / "bpe_simple_vocab_16e6.txt.gz")


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        # Published with CLIP and in the tests of its ports.
        ("a photo of a dog", [320, 1125, 539, 320, 1929]),
        ("a photo of a cat", [320, 1125, 539, 320, 2368]),
        ("hello world!", [3306, 1002, 256]),
        ("a diagram", [320, 22697]),
    ],
)
def test_clip_ids(clip, text, ids):
    assert clip.ids(text) == ids


@pytest.mark.parametrize("text", ["A  Photo\tof\na DOG", " a photo of a dog ", "a &#112;hoto of a dog"])
def test_case_white_space_and_html_do_not_matter(clip, text):
    assert clip.ids(text) == clip.ids("a photo of a dog")


def test_html_is_unescaped_twice():
    assert clean("a &amp;amp; b") == "a & b"


def test_every_text_has_ids(clip):
    text = "naïve 東京 😀 123 it's \x00 ~"
    assert all(0 <= i < clip.start for i in clip.ids(text))
    assert clip.ids("") == []


def test_77_ids_with_start_end_and_padding(clip):
    ids = preprocess.text("a photo of a dog", clip).tolist()
    assert len(ids) == 77
    assert ids[:7] == [49406, 320, 1125, 539, 320, 1929, 49407]
    assert set(ids[7:]) == {0}


def test_a_long_text_keeps_its_end(clip):
    ids = preprocess.text("dog " * 200, clip).tolist()
    assert (ids[0], ids[75], ids[76]) == (49406, 1929, 49407)


def test_bytes_need_no_vocabulary():
    tokenizer = ByteTokenizer()
    assert tokenizer.ids("Hé") == [byte + 1 for byte in "hé".encode()]
    ids = preprocess.text("x" * 100, tokenizer)
    assert int(ids.argmax()) == 76
    assert int(ids.max()) == tokenizer.size - 1


def test_missing_merges_say_where_to_put_them(tmp_path):
    with pytest.raises(ModelError, match=r"merges\.gz: .*vocabulary="):
        ClipTokenizer(tmp_path / "merges.gz")


@pytest.mark.parametrize(
    "content", [b"", b"not gzip", gzip.compress(b"#\na b\n"), gzip.compress(b"\xff" * 9)]
)
def test_wrong_merges_are_refused(tmp_path, content):
    (tmp_path / "merges.gz").write_bytes(content)
    with pytest.raises(ModelError, match=r"merges\.gz"):
        ClipTokenizer(tmp_path / "merges.gz")


TEXTS = ["the dog barks", "the dog sleeps", "a cat sleeps", "the cats and the dogs bark"] * 3


def test_own_merges_are_those_that_shorten_texts():
    merges = learn_merges(TEXTS, 12)
    assert len(merges) == 12
    tokenizer = OwnTokenizer(merges)
    assert len(tokenizer.ids("the dog")) == 2 < len(OwnTokenizer([]).ids("the dog"))
    assert tokenizer.pieces[tokenizer.ids("the")[0] - 1] == "the"


def test_own_ids_leave_0_for_padding_and_end_highest():
    tokenizer = OwnTokenizer(learn_merges(TEXTS, 8))
    ids = tokenizer.ids("The  DOG: naïve 東京 😀\x00")
    assert ids == tokenizer.ids("the dog: naïve 東京 😀\x00")
    assert all(0 < i < tokenizer.start for i in ids)
    assert (tokenizer.end, tokenizer.size) == (tokenizer.start + 1, tokenizer.start + 2)
    assert len(tokenizer.pieces) == tokenizer.start - 1


def test_merges_that_are_none_are_refused():
    with pytest.raises(ModelError, match="merge 'ab'"):
        OwnTokenizer(["t h", "ab"])
    with pytest.raises(ModelError, match="merges"):
        OwnTokenizer(["zz yy"])
