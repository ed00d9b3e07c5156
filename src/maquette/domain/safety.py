"""Content safety: a floor of terms that no project can lower, judged on the composed prompt."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

POLICY_VERSION = 1

#: Category → terms. Matched as whole words after folding, so that "Scunthorpe" stays innocent.
FLOOR: Mapping[str, tuple[str, ...]] = {
    "sexual_minors": (
        "child porn",
        "child pornography",
        "csam",
        "jailbait",
        "lolicon",
        "naked child",
        "naked children",
        "nude child",
        "nude children",
        "sexualized child",
        "sexualised child",
        "underage sex",
    ),
    "sexual": ("bestiality", "hardcore porn", "rape scene"),
    "hate": (
        "ethnic cleansing propaganda",
        "heil hitler",
        "kill all jews",
        "kill all muslims",
        "nazi propaganda",
    ),
    "gore": ("beheading video", "mutilated corpse", "snuff film"),
    "weapons": ("how to build a bomb", "how to make a bomb", "pipe bomb instructions"),
    "self_harm": ("how to kill myself", "suicide instructions"),
}
_LEET = str.maketrans("013457@$!|", "oieastasil")
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """A term that matched, and its category."""

    category: str
    term: str


def fold(text: str) -> str:
    """Return text as matching sees it: compatibility form, no accents or invisible characters, plain words."""
    text = unicodedata.normalize("NFKD", text).casefold()
    text = "".join(ch for ch in text if unicodedata.category(ch) not in {"Mn", "Cf", "Cc"} or ch in "\n\t")
    return " ".join(_WORD.findall(text.translate(_LEET)))


_TERMS = tuple((category, term, f" {fold(term)} ") for category, terms in FLOOR.items() for term in terms)


def judge(*texts: str) -> list[Finding]:
    """Return what the floor finds in any of the texts; an empty list means allowed. Linear in their length."""
    folded = [f" {fold(text)} " for text in texts if text]
    return [
        Finding(category, term) for category, term, needle in _TERMS if any(needle in text for text in folded)
    ]
