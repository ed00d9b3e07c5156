"""Evasions: the ways in which people write a word so that a list of words misses it. Deterministic, for measuring."""

import base64
import html
import zlib
from collections.abc import Callable, Mapping
from urllib.parse import quote

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_LEET_LIGHT = str.maketrans("aeio", "4310")
_LEET_HEAVY = str.maketrans("aeiostbgl", "@3!0$7891")
_CYRILLIC = str.maketrans("aceopxyikmtbhsj", "асеорхуікмтвһѕј")
_GREEK = str.maketrans("abeiknoptuvx", "αβεικηορτυνχ")
_SMALL_CAPS = str.maketrans(_LOWER, "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡxʏᴢ")  # noqa: RUF001  # looking alike is what they are for
_TURNED = str.maketrans(_LOWER, "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz")  # noqa: RUF001  # the same


def _pick(text: str, count: int) -> int:
    """Return a number below ``count`` that depends on the text alone."""
    return zlib.crc32(text.encode()) % max(count, 1)


def _words(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: " ".join(change(word) for word in text.split())


def _long(change: Callable[[str], str]) -> Callable[[str], str]:
    """Change words of four letters or more: shorter ones carry little."""
    return _words(lambda word: change(word) if len(word) > 3 else word)


def _inside(word: str) -> int:
    return 1 + _pick(word, len(word) - 2)


def _each(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: "".join(change(char) for char in text)


def _shifted(begin: int) -> Callable[[str], str]:
    return _each(lambda char: chr(begin + _LOWER.index(char)) if char in _LOWER else char)


TECHNIQUES: Mapping[str, Callable[[str], str]] = {
    "plain": str,
    "upper case": str.upper,
    "camel case": lambda text: text.title().replace(" ", ""),
    "glued": lambda text: text.replace(" ", ""),
    "digits": lambda text: text.translate(_LEET_LIGHT),
    "digits and signs": lambda text: text.translate(_LEET_HEAVY),
    "masked letter": _long(lambda word: f"{word[: _inside(word)]}*{word[_inside(word) + 1 :]}"),
    "spaced": _words(" ".join),
    "dotted": _words(".".join),
    "spaced wide": lambda text: "   ".join(" ".join(word) for word in text.split()),
    "torn": _long(lambda word: f"{word[: _inside(word) + 1]} {word[_inside(word) + 1 :]}"),
    "hyphened": _long(lambda word: f"{word[: _inside(word) + 1]}-{word[_inside(word) + 1 :]}"),
    "underscored": lambda text: text.replace(" ", "_"),
    "repeated letters": _long(
        lambda word: f"{word[: _inside(word)]}{word[_inside(word)] * 3}{word[_inside(word) :]}"
    ),
    "zero width": _each(lambda char: f"{char}\u200b"),
    "soft hyphen": _long(lambda word: f"{word[: _inside(word)]}\u00ad{word[_inside(word) :]}"),
    "accents": _each(lambda char: f"{char}\u0301" if char in "aeiou" else char),
    "piled marks": _each(lambda char: f"{char}\u0335\u0352\u0323" if char.isalpha() else char),
    "Cyrillic letters": lambda text: text.translate(_CYRILLIC),
    "Greek letters": lambda text: text.translate(_GREEK),
    "fullwidth": _each(lambda char: chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char),
    "mathematical": _shifted(0x1D4EA),
    "circled": _shifted(0x24D0),
    "squared": _shifted(0x1F170),
    "regional": _shifted(0x1F1E6),
    "small capitals": lambda text: text.translate(_SMALL_CAPS),
    "backwards": lambda text: text[::-1],
    "overridden direction": lambda text: f"\u202e{text[::-1]}\u202c",
    "HTML entities": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "named entities": lambda text: html.escape(text).replace(" ", "&nbsp;"),
    "URL encoding": lambda text: quote(text.encode()).replace(text[0], f"%{ord(text[0]) & 255:02x}", 1),
    "letter doubled": _long(
        lambda word: f"{word[: _inside(word)]}{word[_inside(word)]}{word[_inside(word) :]}"
    ),
    "letter dropped": _long(lambda word: f"{word[: _inside(word)]}{word[_inside(word) + 1 :]}"),
    "letters swapped": _long(
        lambda word: (
            f"{word[: _inside(word)]}{word[_inside(word) + 1]}{word[_inside(word)]}{word[_inside(word) + 2 :]}"
        )
    ),
    "without vowels": _long(lambda word: word[0] + "".join(char for char in word[1:] if char not in "aeiou")),
    "upside down": lambda text: text.translate(_TURNED)[::-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
}
"""Name → what it makes of a text in lower case. The last six are known to be missed by and large."""
