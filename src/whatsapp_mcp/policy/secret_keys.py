"""Keys, tokens and passwords, by how their makers mark them or by what stands before them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_SHOWN_WHOLE: Final = 12


@dataclass(frozen=True, slots=True)
class Found:
    """A secret, without giving it away."""

    kind: str
    """In plain English: ``a card number``."""
    excerpt: str
    """Its first and last characters: ``4111…1111``."""


def masked(secret: str) -> str:
    kept = 4 if len(secret) >= _SHOWN_WHOLE else 1
    return f"{secret[:kept]}…{secret[-kept:]}"


def _token(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9_-]){pattern}(?![A-Za-z0-9])")


_W: Final = "[A-Za-z0-9_-]"
_TOKENS: Final = tuple(
    (kind, marks, _token(pattern))
    for kind, marks, pattern in (
        ("an AWS key", ("AKIA", "ASIA", "ABIA", "ACCA"), "A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}"),
        ("a GitHub token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), "gh[pousr]_[A-Za-z0-9]{36,255}+"),
        ("a GitHub token", ("github_pat_",), "github_pat_[A-Za-z0-9_]{22,255}+"),
        ("a GitLab token", ("glpat-", "glrt-", "gldt-"), f"gl(?:pat|rt|dt)-{_W}{{20,200}}+"),
        ("a Slack token", ("xox", "xapp-"), "(?:xox[abceoprs]|xapp)-[A-Za-z0-9-]{10,300}+"),
        ("a Slack token", ("hooks.slack.com",), r"hooks\.slack\.com/services/T\w{5,20}/B\w{5,20}/\w{10,40}+"),
        ("a Stripe key", ("k_live_", "k_test_", "whsec_"), "(?:[sr]k_(?:live|test)|whsec)_[A-Za-z0-9]{20,250}+"),
        ("a Google key", ("AIza",), f"AIza{_W}{{35}}"),
        ("a Google key", ("GOCSPX-",), f"GOCSPX-{_W}{{28}}"),
        ("a Google key", ("ya29.",), rf"ya29\.{_W}{{20,2000}}+"),
        ("an Anthropic key", ("sk-ant-",), f"sk-ant-{_W}{{20,200}}+"),
        ("an OpenAI key", ("sk-proj-", "sk-svcacct-"), f"sk-(?:proj|svcacct)-{_W}{{20,200}}+"),
        ("an OpenAI key", ("T3BlbkFJ",), "sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}"),
        ("an npm token", ("npm_",), "npm_[A-Za-z0-9]{36}"),
        ("a PyPI token", ("pypi-AgE",), f"pypi-AgE{_W}{{50,500}}+"),
        ("a SendGrid key", ("SG.",), rf"SG\.{_W}{{22}}\.{_W}{{43}}"),
        ("a Hugging Face token", ("hf_",), "hf_[A-Za-z0-9]{34}"),
        ("a Shopify token", ("shp",), "shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
        ("a DigitalOcean token", ("_v1_",), "do[por]_v1_[a-f0-9]{64}"),
        ("a Telegram bot's token", (":AA",), f"[0-9]{{8,10}}:AA{_W}{{33}}"),
        ("a login token (JWT)", ("eyJ",), rf"eyJ{_W}{{10,}}+\.eyJ{_W}{{10,}}+\.{_W}{{10,}}+"),
        ("a wallet's private key", ("prv",), "[xyztuv]prv[1-9A-HJ-NP-Za-km-z]{107}"),
        ("a private key", ("AGE-SECRET-KEY-",), "AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    )
)
"""Kind, texts of which one stands in every such token, and its form. From the makers' pages, as collected in
github.com/gitleaks/gitleaks (cmd/generate/config/rules) and github.com/Yelp/detect-secrets (plugins)."""

_KEY_BLOCK: Final = re.compile(r"-----BEGIN (?:[A-Z0-9]{2,10} ){0,3}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-")
_IN_ADDRESS: Final = re.compile(r"[a-z]://[^\s/:@]{1,100}+:([^\s/@]{3,200}+)@[\w\[]")

_WORDS: Final = "|".join(
    (
        *(r"pass(?:word|wd|code|phrase)", "pwd", "passwort", "kennwort", "contraseña", "senha", "palavra-passe"),
        *("mot de passe", "parola", "hasło", "wachtwoord", "şifre", "kata sandi", "mật khẩu", "пароль", "lösenord"),
        *("κωδικός", "كلمة المرور", "كلمة السر", "סיסמה", "पासवर्ड", "密码", "密碼", "パスワード", "비밀번호"),
        *("secret", "api[ _-]?key", "access[ _-]?key", "private[ _-]?key", "auth[ _-]?token", "access[ _-]?token"),
        *("bearer", "token", "account[ _-]?key", "client[ _-]?secret", "api[ _-]?secret"),
    )
)
_ASSIGNED: Final = re.compile(
    rf"(?<![^\W_])({_WORDS})[\"'”`]?\s{{0,3}}+(=>|:=|[=:：]|\b(?:is|ist|lautet|es|est|è|é|is:)(?=\s)|是)"
    r"\s{0,3}+[\"'“`]?([^\s\"'“”`<>]{6,200}+)",
    re.IGNORECASE,
)
_NO_VALUE: Final = re.compile(r"https?:|www\.|[^@\s]+@[^@\s]+\.\w+|[$%{<*•x]+", re.IGNORECASE)
_PASSWORD: Final = re.compile("pass|pwd|kenn|contras|senha|palavra|mot|parola|has|wacht|şif|kata|mật|пар|lös", re.I)


def keys_in(text: str) -> Iterator[Found]:
    for kind, marks, pattern in _TOKENS:
        if any(mark in text for mark in marks):
            for found in pattern.finditer(text):
                yield Found(kind, masked(found[0]))
    if "PRIVATE KEY" in text or "PuTTY" in text:
        for _ in _KEY_BLOCK.finditer(text):
            yield Found("a private key", "the whole key")
    if "://" in text:
        for found in _IN_ADDRESS.finditer(text):
            yield Found("a password in an address", masked(found[1]))
    for found in _ASSIGNED.finditer(text):
        word, sign, value = found[1], found[2], found[3].rstrip(".,;:!?)»")
        if _is_secret(value, loose=sign in ("=", ":", "：", ":=", "=>")):
            yield Found("a password" if _is_password(word) else "a key", masked(value))


def _is_password(word: str) -> bool:
    return not word.isascii() or _PASSWORD.match(word) is not None


def _is_secret(value: str, *, loose: bool) -> bool:
    """Whether it looks made to be kept, and not like a word: letters mixed with digits or signs.

    Args:
        loose: after a colon, digits alone are one too.
    """
    if len(value) < 6 or _NO_VALUE.match(value):
        return False
    letters, digits = any(map(str.isalpha, value)), any(map(str.isdigit, value))
    signs = any(c in "!@#$%^&*+=?~/\\|" for c in value)
    return (letters and digits) or (signs and (letters or digits)) or (loose and value.isdigit())
