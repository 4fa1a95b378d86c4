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


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (
            "It's John’s “dog”, they've said: I'D like 12 of them!?",
            "585 568 1742 568 257 1929 4332 889 1200 1946 281 328 1896 789 272 273 539 1180 6004",
        ),
        (
            "naïve café 東京 😀 İ ß e\u0301",
            "1097 35689 563 15304 48338 21078 361 7334 328 16384 127 509 4166",
        ),
        ("ﬁre ＡＢＣ Ǆ ½ Ⅷ …", "1769 5334 67 129 378 33613 158 227 371 959"),
        ("schÃ¶n l’Ã©tÃ©", "844 7255 333 331 262 3459 39694"),
        ("x\x00y \x1b[36mblue\x1b[0m \ufeffbom", "11443 1746 19469"),
        ("A &amp;amp; B &lt;3 &eacute;", "320 261 321 283 274 4166"),
        ("a\xa0b\u2028c\r\nd", "320 321 322 323"),
        ("a_b-c/d #$%@! 1234567", "320 318 321 268 322 270 323 2 3 4 31 256 272 273 274 275 276 277 278"),
    ],
)
def test_odd_texts_have_the_ids_of_clips_own_tokenizer(clip, text, ids):
    """As said by its port in open_clip_torch 3.3.0."""
    assert clip.ids(text) == [int(i) for i in ids.split()]


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
