"""Texts of our own making: what the text tower is distilled on."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from random import Random

SOUNDING = ("animals", "machines", "people", "things")
# Words of daily life that the teacher spells in pieces are not in its vocabulary, and not rare in questions.
RARER = 0.15


@cache
def words() -> dict[str, list[str]]:
    """The lists of words.toml by name."""
    return tomllib.loads(files(__package__ or "").joinpath("words.toml").read_text())


@cache
def paraphrases() -> dict[str, dict[str, list[str]]]:
    """By kind and class, texts that the shipped model is asked with, from paraphrases.toml: no tower may have
    learnt from them."""
    return tomllib.loads(files(__package__ or "").joinpath("paraphrases.toml").read_text())


def make_texts(
    count: int, names: Sequence[str], vocabulary: Sequence[str], seed: int, shares: Mapping[str, int]
) -> list[str]:
    """`count` different texts, lower case: a function of the arguments alone.

    `names` are labels that matter (they are put into templates), `vocabulary` is in order of frequency.
    `shares` says how many are made in each way: the methods of `_Writer`. None is of `paraphrases`.
    """
    asked = {text.lower() for kind in paraphrases().values() for texts in kind.values() for text in texts}
    writer = _Writer(Random(seed), names, vocabulary)
    texts = {text: None for text in (*names, *vocabulary, *words()["rarer"]) if text.lower() not in asked}
    ways = [getattr(writer, way) for way in shares]
    weights = list(shares.values())
    while len(texts) < count:
        way: Callable[[], str] = writer.random.choices(ways, weights)[0]
        if (text := way().lower()) not in asked:
            texts[text] = None
    return list(texts)[:count]


class _Writer:
    """One text at a time, in one of several ways."""

    def __init__(self, random: Random, names: Sequence[str], vocabulary: Sequence[str]) -> None:
        self.random = random
        self._names, self._vocabulary = names, vocabulary

    def happening(self) -> str:
        """Somebody or something does or sounds, perhaps somewhere."""
        who = self._pick(self.random.choice(SOUNDING))
        verb = self._pick(self.random.choice(("doing", "sounding")))
        place = f" {self._pick('places')}" if self.random.random() < 0.4 else ""
        return self._framed(f"{self._coloured(who)} {verb}{place}", 0.25, ("asked", "heard", "seen", "felt"))

    def thing(self) -> str:
        """Something alone, of some kind, perhaps in a template of the sense that would meet it."""
        kind = self.random.choice((*SOUNDING, "sounds", "doing"))
        templates = {"sounds": ("heard",), "doing": ("felt",)}.get(kind, ("seen", "heard", "asked"))
        text = self._coloured(self._pick(kind))
        place = f" {self._pick('places')}" if self.random.random() < 0.2 else ""
        return self._framed(text + place, 0.6, templates)

    def named(self) -> str:
        """A label that matters, in a template."""
        name = self.random.choice(self._names)
        article = self.random.choice(("", "", "a ", "the "))
        return self._framed(article + name, 0.85, ("seen", "heard", "asked", "felt"))

    def word(self) -> str:
        """A word of the vocabulary in a template."""
        article = self.random.choice(("", "a ", "the "))
        return self._framed(article + self._word(), 0.7, ("seen", "heard", "asked"))

    def pair(self) -> str:
        """Two or three words of the vocabulary, or a kind and a word."""
        first = self._pick("kinds") if self.random.random() < 0.5 else self._word()
        rest = [self._word() for _ in range(self.random.choice((1, 1, 2)))]
        return self._framed(" ".join([first, *rest]), 0.3, ("seen", "heard"))

    def caption(self) -> str:
        """A whole sentence, as under a picture: who does what, how and where; perhaps two at once."""
        text = self._clause()
        if self.random.random() < 0.25:
            text = f"{text} {self._pick('joining')} {self._clause()}"
        return self._framed(text, 0.15, ("seen", "heard", "asked", "felt"))

    def phrase(self) -> str:
        """A noun with its surroundings, some of its words out of the whole vocabulary."""
        noun = self._coloured(self._pick(self.random.choice(SOUNDING)))
        other = self.random.choice((self._word(), self.random.choice(self._names), self._pick("sounds")))
        return self.random.choice(
            (
                f"{self._pick('parts')} {noun}",
                f"{self._pick('parts')} {other}",
                f"{noun} and {other}",
                f"{noun} with {other}",
                f"{other} {self._pick('places')}",
                f"{other} {self._pick('towards')}",
                f"{self._word()} of {noun}",
                f"{noun} {self._pick('towards')}",
            )
        )

    def _clause(self) -> str:
        """Who does or sounds what, and perhaps in what, how, and where."""
        who = self._coloured(self._pick(self.random.choice(("people", "people", "animals", "machines"))))
        wearing = self._perhaps(0.2, "wearing")
        verbs = self.random.choice(("doing", "sounding"))
        verb = self._word() if self.random.random() < 0.15 else self._pick(verbs)
        rest = (self._perhaps(0.25, "how"), self._perhaps(0.35, "towards"), self._perhaps(0.35, "places"))
        said = (who, f"in {wearing}" if wearing else "", verb, *rest)
        return " ".join(part for part in said if part)

    def _perhaps(self, chance: float, name: str) -> str:
        return self._pick(name) if self.random.random() < chance else ""

    def substituted(self) -> str:
        """A short text of another way in which one or two words are another."""
        return self._varied(self.random.choice((self.happening, self.thing, self.named))())

    def fragment(self) -> str:
        """Some consecutive words of a short text."""
        return self._part(self.random.choice((self.happening, self.named, self.thing))())

    def varied(self) -> str:
        """A longer text in which one or two words are another."""
        return self._varied(self.random.choice((self.caption, self.phrase))())

    def part(self) -> str:
        """Some consecutive words of a caption."""
        return self._part(self.caption())

    def _varied(self, text: str) -> str:
        parts = text.split()
        for _ in range(self.random.choice((1, 1, 2))):
            parts[self.random.randrange(len(parts))] = self._word()
        return " ".join(parts)

    def _part(self, text: str) -> str:
        parts = text.split()
        length = self.random.randint(1, max(1, len(parts) - 1))
        start = self.random.randint(0, len(parts) - length)
        return " ".join(parts[start : start + length])

    def _pick(self, name: str) -> str:
        return self.random.choice(words()[name])

    def _word(self) -> str:
        """Frequent words more often: the square of a uniform number falls low in the list."""
        if self.random.random() < RARER:
            return self._pick("rarer")
        return self._vocabulary[int(self.random.random() ** 2 * len(self._vocabulary))]

    def _coloured(self, thing: str) -> str:
        if self.random.random() > 0.3:
            return thing
        article, _, noun = thing.rpartition(" ")
        kind = self._pick("kinds")
        return (
            f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} {noun}"
            if article in ("a", "an")
            else f"{kind} {thing}"
        )

    def _framed(self, text: str, chance: float, templates: Sequence[str]) -> str:
        if self.random.random() > chance:
            return text
        return self._pick(self.random.choice(templates)).format(text)
