"""Numbers and words that carry a checksum: cards (Luhn), bank accounts (mod 97), seed phrases (BIP-39)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import accumulate, pairwise
from typing import Final

from whatsapp_mcp.policy.secret_keys import Found, masked

_RUN: Final = re.compile(r"(?<![\w+])[0-9]++(?:[ \t._·•/|-]{1,3}+[0-9]++)*+(?![^\W_])")
_GROUP: Final = re.compile("[0-9]+")
_ISSUERS: Final = (
    (re.compile("4"), {16, 19}),  # Visa; 13 digits are no longer issued, and are phone numbers
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), {16}),  # Mastercard
    (re.compile("3[47]"), {15}),  # American Express
    (re.compile("30[0-5]|3095|3[689]"), {14}),  # Diners Club
    (re.compile("6011|64[4-9]|65"), {16, 19}),  # Discover
    (re.compile("35(?:2[89]|[3-8])"), {16}),  # JCB
    (re.compile("62"), {16, 17, 18, 19}),  # UnionPay
    (re.compile("220[0-4]|9792|60|81|82|508"), {16}),  # Mir, Troy, RuPay
    (re.compile("5018|5020|5038|5893|6304|6759|676[1-3]"), {16, 18, 19}),  # Maestro
)
"""What the number of a card begins with, and how many digits it has: ISO/IEC 7812, the schemes' pages."""
_SPECIAL_GROUPS: Final = {(4, 6, 5), (4, 6, 4), (6, 13)}

_IBAN: Final = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2})[ .-]?[0-9]{2}(?=[ .-]{0,2}[A-Za-z0-9])")
_IBAN_LENGTHS: Final = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ DJ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
"""SWIFT's IBAN registry."""

_WORD: Final = re.compile(r"[A-Za-z]+")
_BETWEEN: Final = re.compile(r"[\s,.;:|/()\[\]\"'#0-9_-]{1,20}")
_BLANKS: Final = re.compile(r"\s+")
_PHRASES: Final = (12, 15, 18, 21, 24)
_STARTS: Final = 64
"""Of a longer row of such words, the rest is not tried."""


def cards_in(text: str) -> Iterator[Found]:
    for run in _RUN.finditer(text):
        groups = [len(group[0]) for group in _GROUP.finditer(run[0])]
        digits = "".join(_GROUP.findall(run[0]))
        starts = dict(zip(accumulate(groups, initial=0), range(len(groups) + 1), strict=True))
        for start, first in starts.items():
            for length in _lengths(digits[start : start + 4]):
                last = starts.get(start + length)
                number = digits[start : start + length]
                if last is not None and _luhn(number) and _is_grouped(groups[first:last]):
                    yield Found("a card number", masked(number))
                    break


@cache
def _lengths(prefix: str) -> tuple[int, ...]:
    """How many digits the number of a card has that begins with these four."""
    return tuple(sorted({length for issuer, lengths in _ISSUERS if issuer.match(prefix) for length in lengths}))


def _luhn(number: str) -> bool:
    if len(set(number)) == 1:
        return False
    total = sum(map(int, number[-1::-2])) + sum(sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2])
    return total % 10 == 0


def _is_grouped(lengths: Sequence[int]) -> bool:
    """As people write one number, not two beside each other."""
    return tuple(lengths) in _SPECIAL_GROUPS or (
        all(first == second for first, second in pairwise(lengths[:-1])) and lengths[-1] <= lengths[0]
    )


def ibans_in(text: str) -> Iterator[Found]:
    for found in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(found[1].upper())
        if length is None:
            continue
        account = _alphanumeric(text, found.start(), length)
        if account is not None and int("".join(str(int(c, 36)) for c in account[4:] + account[:4])) % 97 == 1:
            yield Found("a bank account (IBAN)", masked(account))


def _alphanumeric(text: str, start: int, length: int) -> str | None:
    """So many letters and digits from there, with separators of one character between them; None when there are not."""
    taken: list[str] = []
    separated = False
    for position in range(start, min(len(text), start + 2 * length)):
        character = text[position]
        if character.isascii() and character.isalnum():
            if len(taken) == length:
                return "".join(taken).upper() if separated else None
            taken.append(character)
            separated = False
        elif character in " .-\n" and not separated:
            separated = True
        else:
            break
    return "".join(taken).upper() if len(taken) == length else None


def seed_phrases_in(text: str) -> Iterator[Found]:
    words = _seed_words()
    row: list[str] = []
    plain, end = True, 0
    for found in _WORD.finditer(text):
        word = found[0].lower()
        between = text[end : found.start()] if row and found.start() - end <= 20 else ""
        if row and not (word in words and _BETWEEN.fullmatch(between)):
            if len(row) >= _PHRASES[0]:
                yield from _phrase(row, plain=plain)
            row, plain = [], True
        if word in words:
            plain = plain and (not row or _BLANKS.fullmatch(between) is not None)
            row.append(word)
        end = found.end()
    if len(row) >= _PHRASES[0]:
        yield from _phrase(row, plain=plain)


def _phrase(row: list[str], *, plain: bool) -> Iterator[Found]:
    """Twelve words with blanks between them are one in any order; of a list, such as one of things to buy, the checksum
    has to be right too."""
    whole = plain and len(row) in _PHRASES and len(set(row)) > 2
    if whole or any(
        _checks(row[start : start + length])
        for start in range(min(len(row), _STARTS))
        for length in _PHRASES
        if start + length <= len(row)
    ):
        yield Found("a seed phrase", f"{row[0]} … {row[-1]}")


def _checks(phrase: list[str]) -> bool:
    """BIP-39: the last bits are those of the SHA-256 of the others."""
    words = _seed_words()
    bits = "".join(f"{words[word]:011b}" for word in phrase)
    size = len(bits) * 32 // 33
    entropy = int(bits[:size], 2).to_bytes(size // 8, "big")
    return f"{sha256(entropy).digest()[0]:08b}"[: len(bits) - size] == bits[size:]


@cache
def _seed_words() -> dict[str, int]:
    """The English words of BIP-39 (github.com/bitcoin/bips, bip-0039/english.txt) and their numbers."""
    content = files(__package__).joinpath("bip39_english.txt").read_text("ascii")
    return {word: number for number, word in enumerate(content.split())}
