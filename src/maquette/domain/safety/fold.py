"""Folding: what matching sees of a text, character by character, so that a find can be shown where it stands.

Letters that look like Latin ones become these (UTS #39 calls the result a skeleton), accents and whatever takes no
ink go. Terms of policies are folded in the same way, so that words of other scripts still match themselves.
"""

import html
import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import unquote

_ALIKE: tuple[tuple[str, str], ...] = (
    ("авсԁеɡһіјкӏмпорԛгѕтиуѵԝхүҽзьѐ", "abcdeghijklmnopqrstuyvwxyeebe"),  # Cyrillic
    ("αβϲςδεηικλμνοπρστυχωγζ", "abccdenikluvonpotuxwyz"),  # Greek
    ("աեհյոսօքզռտցգ", "wthjnuofqnsgq"),  # Armenian
    ("øłđħŧıɩƨʂʐɘǝəɐɔɥɯɹʇʌʎʞɟɓɗɠɱɲŋƭƥɑƅᴉ", "oldhtiisszeeeachmrtvykfbdgmnntpabi"),
    ("ꭰꭱꭲꭵꭹꭺꭻꭼꮃꮇꮋꮍꮐꮒꮓꮞꮤꮥꮩꮪꮮꮯꮲꮶꮷꮻᏴ", "drtiyajewmhyghzawsvslcpkdob"),  # Cherokee
)
"""Letters and what each is taken for; those whose names or decompositions tell it already are left out."""
_NAMED = re.compile(
    r"(?:NEGATIVE |REGIONAL |SQUARED |CIRCLED |MODIFIER |INDICATOR |LATIN |SYMBOL |SMALL |CAPITAL |LETTER "
    r"|TURNED |REVERSED |OPEN |SCRIPT |BARRED )+([A-Z])(?: WITH .*)?"
)
_KNOWN_MAX = 20_000
#: They take no ink, and their category does not say so.
_BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800")
#: Scripts without spaces between words, and Korean, whose particles cling: each character is a word of its own.
_BY_ITSELF = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u3040-\u30fe\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]"
)
_ID_LENGTH_MIN = 32
#: Hex digits, as many as MD5, SHA-1 and SHA-256 have, and UUIDs.
_IDS = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"
    r"(?![0-9A-Za-z])"
)
_ENCODED = re.compile(r"&#?\w{2,31};|%[0-9a-fA-F]{2}")
_LIKE: Mapping[str, str] = {
    letter.casefold(): look for letters, looks in _ALIKE for letter, look in zip(letters, looks, strict=True)
}


class _Table(dict[int, str]):
    """Code point → what it folds to, worked out when it is first met."""

    def __missing__(self, point: int) -> str:
        folded = _fold_char(chr(point))
        if len(self) < _KNOWN_MAX:
            self[point] = folded
        return folded


def _fold_char(char: str) -> str:
    if _BY_ITSELF.match(char):
        return f" {char} "
    return "".join(map(_fold_part, unicodedata.normalize("NFKD", char.casefold()).casefold()))


def _fold_part(part: str) -> str:
    if part.isascii():
        return part if part.isprintable() else " "
    if part in _LIKE:
        return _LIKE[part]
    category = unicodedata.category(part)
    if part in _BLANK or category in {"Mn", "Me", "Cf"}:
        return ""
    if category[0] in "ZC":
        return " "
    named = _NAMED.fullmatch(unicodedata.name(part, ""))
    return named[1].lower() if named else part


_TABLE = _Table()


def fold(text: str) -> str:
    """Return text as matching sees it. Linear in its length."""
    return text.translate(_TABLE)


def without_ids(text: str) -> str:
    """Return text with digests and UUIDs blanked out, as long as it was: nobody reads words in them.

    In 10,000 random ones there was a number that only some people mean something by, once.
    """
    return _IDS.sub(lambda match: " " * len(match.group()), text) if len(text) >= _ID_LENGTH_MIN else text


def decoded(text: str) -> str:
    """Return text without HTML's entities and URLs' percent signs; the same text when there are none."""
    if "&" not in text and "%" not in text:
        return text
    return _ENCODED.sub(lambda match: _decode(match.group()), text)


def _decode(found: str) -> str:
    return html.unescape(found) if found[0] == "&" else unquote(found, errors="replace")


def origins(text: str) -> list[int]:
    """Return for each character of ``fold(text)`` the place in ``text`` that it comes from."""
    return [place for place, char in enumerate(text) for _ in range(len(_TABLE[ord(char)]))]
