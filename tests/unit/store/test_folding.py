"""Spellings of one text fold to one form, in many scripts; what differs in meaning stays apart."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp_mcp.store.search.folding import fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Invoice", "INVOICE"),
        ("orçamento", "orcamento"),
        ("REUNIÃO", "reunião"),
        ("São Paulo", "sao paulo"),
        ("Straße", "STRASSE"),
        ("STRAẞE", "strasse"),
        ("Ørsted", "orsted"),
        ("Łódź", "lodz"),
        ("Đà Nẵng", "da nang"),
        ("Þór", "thor"),
        ("İstanbul", "istanbul"),
        ("ısparta", "ISPARTA"),
        ("œuvre", "OEUVRE"),
        ("ПРИВЕТ", "привет"),
        ("ёлка", "Елка"),
        ("Οδυσσεύς", "ΟΔΥΣΣΕΥΣ"),
        ("ﬁnance", "finance"),
        ("ＡＢＣ１２３", "abc123"),
        ("ﾊﾝｶﾞｸ", "ハンガク"),
        ("e\u0301te\u0301", "été"),
        ("السَّلَامُ", "السلام"),
        ("أحمد", "احمد"),
        ("مدرسة", "مدرسه"),
        ("علی", "علي"),
        ("کتاب", "كتاب"),
        ("محـــمد", "محمد"),
        ("می\u200cخواهم", "میخواهم"),
        ("שָׁלוֹם", "שלום"),
        ("फ़िल्म", "फिल्म"),
        ("٣٤٥", "345"),
        ("१२", "12"),
        ("👍🏽", "👍"),
        ("❤️", "❤"),
        ("zero\u200bwidth", "zero width"),
        ("soft\u00adhyphen", "softhyphen"),
        ("e-mail", "E mail"),
        ("don't", "don’t"),
        ("  two \n\t words ", "two words"),
        (unicodedata.normalize("NFD", "회의"), "회의"),
        (unicodedata.normalize("NFD", "ガ"), "ガ"),
    ],
)
def test_one_form(one: str, other: str) -> None:
    assert fold(one) == fold(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("が", "か"),  # voicing makes another letter
        ("ハ", "パ"),
        ("мой", "мои"),
        ("їжак", "іжак"),
        ("กา", "กี"),  # vowels are marks in Thai
        ("हिन्दी", "हन्द"),
        ("회의", "회이"),
        ("C++", "C"),
        ("C#", "C"),
        ("Ana", "Anna"),
        ("😀", "😁"),
    ],
)
def test_kept_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("記憶断裂", "記 憶 断 裂"),
        ("会議は3時", "会 議 は 3 時"),
        ("회의에서", "회 의 에 서"),
        ("C++ & C#!", "c + + c #"),
        ("R$50", "r $ 50"),
        ("<3", "< 3"),
        ("ok👍ok", "ok 👍 ok"),
        ("\U0001fadf", "\U0001fadf"),  # an emoji that Unicode 14 does not have
        ("a_b/c.d", "a b c d"),
        ("", ""),
        ("?!…", ""),
        ("\ud83d half", "half"),
        ("nul\x00byte", "nul byte"),
    ],
)
def test_words(text: str, words: str) -> None:
    assert fold(text) == words


@given(st.text())
def test_folding_twice_changes_nothing_and_leaves_nothing_dangerous(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert folded == " ".join(folded.split())
    assert not set('"*%_\\\n') & set(folded)
    folded.encode()


@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1), st.data())
def test_any_substring_of_han_text_is_a_phrase_of_it(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    assert f" {fold(text[start:end])} " in f" {fold(text)} "


@given(st.text(alphabet=st.characters(codec="latin-1")))
def test_case_does_not_matter(text: str) -> None:
    assert fold(text.upper()) == fold(text.lower())
