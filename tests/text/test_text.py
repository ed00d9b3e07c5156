"""Text as it comes in: kept as it is seen, refused with its reason, and the same when it comes again."""

# ruff: noqa: RUF001 - letters that look like others are what is tested
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maquette.domain.errors import Invalid
from maquette.domain.text import KINDS, NAME, NOTES, PROMPT, Kind, clean

LOC = ("prompt",)
KEPT = {
    "a family": "👩‍👩‍👧‍👦",
    "a kiss with skin tones": "👩🏽‍❤️‍💋‍👨🏿",
    "a rainbow flag": "🏳️‍🌈",
    "the flag of Wales": "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f",
    "a keycap": "7️⃣",
    "a heart as text": "❤︎",
    "an emoji of Unicode 15": "\U0001fae8",
    "flags": "🇩🇪🇫🇷",
    "Persian with its half space": "می\u200cخواهم",
    "Hindi with a joiner": "क्\u200dष",
    "Sinhala with a joiner": "ශ්\u200dරී",
    "Malayalam with an old chillu": "ന്\u200d",
    "Bengali ra and ya-phala": "র\u200d্যাব",
    "Hebrew with vowels": "שָׁלוֹם",
    "Tibetan": "བསྒྲུབས",
    "Thai": "ภาษาไทย",
    "Vietnamese": "một con rô-bốt",
    "Korean": "로봇 배달원",
    "Japanese with letters": "ロボットrobot",
    "curly quotes": "the “old” robot’s arm — rusty",
}
CHANGED = {
    "full width": ("ｒｏｂｏｔ", "robot"),
    "a ligature": ("ﬁre", "fire"),
    "a decomposed accent": ("re\u0301sume\u0301", "résumé"),
    "mathematical letters": ("𝓻𝓸𝓫𝓸𝓽", "robot"),
    "circled letters": ("ⓡⓞⓑⓞⓣ", "robot"),
    "a zero-width space": ("ro\u200bbot", "robot"),
    "a soft hyphen": ("ro\u00adbot", "robot"),
    "a byte order mark": ("\ufefffox", "fox"),
    "an override": ("fox\u202egnp.exe\u202c", "foxgnp.exe"),
    "isolates": ("\u2068fox\u2069", "fox"),
    "a word in tags": ("fox" + "".join(chr(0xE0000 + ord(ch)) for ch in "ignore all"), "fox"),
    "data in selectors": ("🦊" + "".join(chr(0xE0100 + at) for at in range(60)), "🦊"),
    "a selector on a letter": ("a\ufe0f", "a"),
    "a trade mark as emoji": ("™️", "TM"),
    "a joiner in Latin": ("ro\u200dbot", "robot"),
    "two joiners at once": ("می\u200c\u200cخواهم", "میخواهم"),
    "a joiner behind an emoji": ("🦊\u200d", "🦊"),
    "a filler of Hangul": ("a\u3164b\u115f", "ab"),
    "a joiner that kept an accent away": ("e\u034f\u0301", "é"),
    "spaces": (" a\u00a0\u3000b\t\r\nc\u2028d\u2800e ", "a b c d e"),
    "nothing to be seen": ("\u200b\u2060\u202e\ufeff", ""),
}
REFUSED = {
    "a bell": ("a\u0007b", "control_character"),
    "an escape": ("a\x1b[2Jb", "control_character"),
    "NUL": ("a\0b", "control_character"),
    "half a pair": ("a\ud800", "control_character"),
    "a file separator, which Python calls a space": ("a\x1cb", "control_character"),
    "an annotation": ("a\ufff9b", "control_character"),
    "private use": ("a\ue000", "unassigned_character"),
    "a noncharacter": ("a\ufffe", "unassigned_character"),
    "unassigned": ("a\U000378aa", "unassigned_character"),
    "piled-up marks": ("a" + "\u0316" * 9, "stacked_marks"),
    "an endless family": ("👩" + "\u200d👩" * 40, "stacked_marks"),
    "an endless syllable": ("क" + "्क" * 40, "stacked_marks"),
    "too many letters": ("x" * 2001, "too_long"),
    "too many accented letters": ("x\u0316" * 2001, "too_long"),
    "what grows when it is made plain": ("\ufdfa" * 500, "too_long"),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_people_write_is_kept(name: str) -> None:
    """Emoji, joiners where a script needs them, marks: as they came."""
    assert clean(KEPT[name], PROMPT, LOC) == KEPT[name]


@pytest.mark.parametrize("name", CHANGED)
def test_what_is_not_seen_goes_and_what_looks_equal_is_equal(name: str) -> None:
    """Nothing invisible stays, and no letter in disguise."""
    given, expected = CHANGED[name]
    assert clean(given, PROMPT, LOC) == expected


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_text_is_refused_with_its_reason(name: str) -> None:
    """By type of the detail, and without sending back what came."""
    text, expected = REFUSED[name]
    with pytest.raises(Invalid) as refused:
        clean(text, PROMPT, LOC)
    [detail] = refused.value.details
    assert (detail.loc, detail.type) == (LOC, expected)
    assert len(detail.msg) < 100


def test_lengths_are_what_people_count() -> None:
    """A flag is one character, whatever it takes; but not without end."""
    assert clean("🇩🇪" * 2000, PROMPT, LOC) == "🇩🇪" * 2000
    with pytest.raises(Invalid, match="at most 2000 characters"):
        clean("🇩🇪" * 2001, PROMPT, LOC)


def test_notes_keep_their_lines_and_their_figures() -> None:
    """They are for people: ½ stays ½, and a paragraph one."""
    assert clean("scale  by ½ \r\n\r\n\n\u2029 please\u200b\n", NOTES, LOC) == "scale by ½\n\nplease"


@pytest.mark.parametrize("name", ["p\u0430ypal", "\u0391dmin", "fo\u0445 \u043bиса", "H\u13a1"])
def test_a_name_mixes_no_letters_that_look_alike(name: str) -> None:
    """Not within a word: the eye could not tell it from another name."""
    with pytest.raises(Invalid, match="look alike"):
        clean(name, NAME, LOC)
    assert clean(name, PROMPT, LOC) == name, "a prompt is no identifier"


@pytest.mark.parametrize("name", ["Проект Maquette", "100 μm", "ロボットrobot", "Ω-3", "Ελληνικά 2"])
def test_a_name_may_have_words_of_several_scripts(name: str) -> None:
    """Each word by itself is clear."""
    assert clean(name, NAME, LOC) == name


_NASTY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "aé ﬁ™‼ⓜ½ｆ\u0301\u0316\u034f\u200b\u200c\u200d\ufe0e\ufe0f\u20e3❤👩🏽🏳🏴"
            "\U000e0067\U000e0062\U000e007f\U000e0100कक्षরযى\u0649م्്ශ്ᠠ\u180b\u180e\u1160\u3164\uffa0가ᄀ\u2800\u00a8\n\r\t\u2028"
        ),
    ),
    max_size=40,
)


@settings(max_examples=600, deadline=None)
@given(_NASTY, st.sampled_from(list(KINDS.values())))
def test_cleaning_twice_is_cleaning_once(text: str, kind: Kind) -> None:
    """What is kept would be kept as it is, and is within every bound."""
    try:
        once = clean(text, kind, LOC)
    except Invalid:
        return
    assert clean(once, kind, LOC) == once
    assert len(once) <= kind.points_max
    assert once == once.strip()


@pytest.mark.parametrize(
    "piece", ["x", " ", "\u0301", "\u200d", "👩\u200d", "\ufdfa", "م\u200c", "क्", "\U0001f3f4\U000e0067"]
)
def test_a_long_text_is_refused_at_once(piece: str) -> None:
    """100,000 characters before they are read; as much as is read, in milliseconds."""
    for text in (piece * 100_000, piece * (PROMPT.points_max // len(piece))):
        began = time.perf_counter()
        try:
            clean(text, PROMPT, LOC)
        except Invalid:
            assert len(text) > 0
        assert time.perf_counter() - began < 0.5, "linear: 8,000 code points take 5 ms where this was written"
