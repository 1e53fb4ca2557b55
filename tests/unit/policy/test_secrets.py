"""What is taken for a secret, and what is not; how long looking takes."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Final

import pytest

from whatsapp_mcp.policy.secrets import FILE_LOOKED_AT, LOOKED_AT, MOST_FOUND, secrets_in, secrets_in_file

LETTERS: Final = "aB3dE6gH9jKlMnOpQrStUvWxYz0123456789aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789"
ORDINARY: Final = [
    line
    for line in (Path(__file__).parent / "ordinary_sentences.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
SEED: Final = "legal winner thank year wave sausage worth useful legal winner thank yellow"
"""A test vector of BIP-39."""


def kinds(text: str) -> set[str]:
    return {found.kind for found in secrets_in(text)}


@pytest.mark.parametrize("sentence", ORDINARY)
def test_ordinary_sentences_hold_no_secret(sentence: str) -> None:
    assert secrets_in(sentence) == ()


KEYS: Final = {
    "an AWS key": ["AKIA" + "IOSFODNN7EXAMPLE"],
    "a GitHub token": ["ghp_" + LETTERS[:36], "github_pat_" + LETTERS[:60]],
    "a GitLab token": ["glpat-" + LETTERS[:20]],
    "a Slack token": [
        "xoxb-" + "123456789012-" + LETTERS[:24],
        "https://hooks.slack.com/services/T0ABCDEF/B0ABCDEF/" + LETTERS[:24],
    ],
    "a Stripe key": ["sk_live_" + LETTERS[:24]],
    "a Google key": ["AIza" + LETTERS[:35], "GOCSPX-" + LETTERS[:28]],
    "an OpenAI key": ["sk-proj-" + LETTERS[:48]],
    "an Anthropic key": ["sk-ant-api03-" + LETTERS[:60]],
    "a Telegram bot's token": ["123456789:AA" + LETTERS[:33]],
    "a login token (JWT)": ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + LETTERS[:43]],
    "a private key": ["-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE", "-----BEGIN PRIVATE KEY-----"],
    "a password in an address": ["postgres://admin:hunter2@db.example.com/x"],
    "a password": [
        *("password=hunter2!", "Password: Tr0ub4dor&3", "the wifi password is sunshine2024", "Passwort: geheim123"),
        *("contraseña: perro1984", "mot de passe : Soleil75", "пароль: kotik1987", "密码是abc12345"),
        "DB_PASSWORD=p4ssw0rd",
    ],
    "a key": ["api_key: 9f86d081884c7d65", '"client_secret": "Zm9vYmFyYmF6MTIz"', "token=" + LETTERS[:30]],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in KEYS.items() for text in texts])
def test_keys_and_passwords(kind: str, text: str) -> None:
    assert kind in kinds(text)
    assert kind in kinds(f"Sure, here it is: {text} - ok?")


@pytest.mark.parametrize(
    "card",
    [
        *("4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "5555.5555.5555.4444", "378282246310005"),
        *("3782 822463 10005", "6011 1111 1111 1117", "2223003122003222", "3530111333300000", "6200000000000005"),
        *("４１１１　１１１１　１１１１　１１１１", "٤١١١ ١١١١ ١١١١ ١١١١", "४१११११११११११११११"),
        *("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "4111\u200b1111\u200d1111\u20601111", "4111 / 1111 / 1111 / 1111"),
        "41 11 11 11 11 11 11 11",
        "4111\u20111111\u20111111\u20111111",
    ],
)  # fmt: skip
def test_card_numbers(card: str) -> None:
    [found] = secrets_in(f"It is {card}, 12/27")
    assert (found.kind, found.excerpt) == ("a card number", f"{found.excerpt[:4]}…{found.excerpt[-4:]}")


@pytest.mark.parametrize(
    "number",
    [
        *("4111 1111 1111 1112", "1111 1111 1111 1111", "+4111111111111111", "44111111111111111", "9111111111111111"),
        *("4444 4444 4444 4444", "x4111111111111111", "4111111111111111abc"),
    ],
)
def test_what_is_no_card(number: str) -> None:
    assert "a card number" not in kinds(number)


def test_the_digits_of_a_card_need_no_end_of_line() -> None:
    assert kinds("4111 1111 1111 1111 12/27 737") == {"a card number"}
    assert kinds("card 12: 5555555555554444 cvv 737") == {"a card number", "the security code of a card"}


@pytest.mark.parametrize(
    "account",
    [
        *("DE89 3704 0044 0532 0130 00", "de89370400440532013000", "GB29NWBK60161331926819"),
        "FR14 2004 1010 0505 0001 3M02 606",
    ],
)
def test_bank_accounts(account: str) -> None:
    assert kinds(f"IBAN {account} danke") == {"a bank account (IBAN)"}
    wrong = account[:-1] + ("1" if account.endswith("0") else "0")
    assert kinds(f"IBAN {wrong} danke") == set()


@pytest.mark.parametrize(
    "phrase",
    [
        SEED,
        SEED.upper(),
        SEED.replace(" ", "\n"),
        " ".join(f"{number}. {word}" for number, word in enumerate(SEED.split(), 1)),
        SEED.replace(" ", ", "),
        SEED.replace(" ", " \u200b"),
        " ".join(reversed(SEED.split())),
        "abandon " * 23 + "art",
    ],
)
def test_seed_phrases(phrase: str) -> None:
    assert kinds(f"The 12 are: {phrase}!") == {"a seed phrase"}


def test_words_in_another_order_are_no_phrase_in_a_list() -> None:
    assert kinds(", ".join(sorted(SEED.split(), reverse=True))) == set()
    assert kinds(" ".join(SEED.split()[:11])) == set()


@pytest.mark.parametrize(
    "text",
    [
        *("Your code is 482913", "482913 is your verification code", "G-482913 is your Google verification code."),
        *("Your WhatsApp code: 123-456", "WhatsApp code 123-456. Don't share this code", "OTP 4821", "the pin is 4821"),
        *("PIN: 4821", "use 4829 as your passcode", "<#> Your code is 482 913", "2FA backup code 4829 1377"),
        *(
            "Dein Einmalcode lautet 482913",
            "482913 ist dein Code",
            "TAN: 482913",
            "Bestätigungscode für PayPal: 482913",
        ),
        *("Tu código es 482913", "Código de verificación: 482913", "482913 es tu código de WhatsApp"),
        *(
            "Votre code est 482913",
            "Code de vérification WhatsApp : 482-913",
            "Il codice è 482913",
            "Seu código: 482913",
        ),
        *("Ваш код: 482913", "Код подтверждения 482913, никому не сообщайте", "482913 — ваш код", "Twój kod to 482913"),
        *("Doğrulama kodunuz: 482913", "Kode verifikasi Anda adalah 482913", "Mã xác nhận của bạn là 482913"),
        *("您的验证码是482913,请勿泄露", "【支付宝】验证码:482913", "認証コード:482913", "인증번호 [482913]를 입력"),
        *("رمز التحقق هو ٤٨٢٩١٣", "रमेश, आपका ओटीपी ४८२९१३ है", "482913", "482-913", " 482 913 "),
        *("４８２９１３ is your code", "code is 4\u200b8\u200b2\u200b9\u200b1\u200b3"),
    ],
)
def test_one_time_codes(text: str) -> None:
    assert kinds(text) == {"a one-time code"}


@pytest.mark.parametrize("text", ["ABCD-1EFG", "Enter the linking code: 7KQ2-XW9M", "7KQ2XW9M is the pairing code"])
def test_codes_that_link_a_device(text: str) -> None:
    assert kinds(text) == {"a code that links a device"}


def test_what_is_told_of_a_secret_does_not_give_it_away() -> None:
    assert [(found.kind, found.excerpt) for found in secrets_in("4111 1111 1111 1111")] == [
        ("a card number", "4111…1111")
    ]
    assert [found.excerpt for found in secrets_in("Your code is 482913")] == ["4…3"]
    assert [found.excerpt for found in secrets_in(SEED)] == ["legal … yellow"]


def test_blanks_between_all_characters_hide_nothing() -> None:
    assert "an AWS key" in kinds("it is " + " ".join("AKIAIOSFODNN7EXAMPLE") + " ok")
    assert "an AWS key" in kinds("\u200b".join("AKIAIOSFODNN7EXAMPLE"))
    assert "a GitHub token" in kinds("  ".join("ghp_" + LETTERS[:36]))
    assert "an AWS key" in kinds("ＡＫＩＡＩＯＳＦＯＤＮＮ７ＥＸＡＭＰＬＥ")


def test_not_more_than_some_are_told() -> None:
    assert len(secrets_in(" ".join(f"ghp_{number:036}" for number in range(50)))) == MOST_FOUND


# ---- files


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("/home/ana/.ssh/id_rsa", b"", "a private key"),
        ("Passwords.KDBX", b"", "a password safe"),
        ("notes.txt", b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5\0\0", "a password safe"),
        (".env", b"DEBUG=1\nAPI_KEY=9f86d081884c7d65\n", "a key"),
        ("key.pem", b"-----BEGIN RSA PRIVATE KEY-----\n", "a private key"),
        ("card.json", b'{"card": "4111111111111111"}', "a card number"),
        ("codes.csv", "\ufeffYour code is 482913".encode("utf-16"), "a one-time code"),
        ("wallet.dat", b"\0", "a wallet"),
    ],
)
def test_files(name: str, head: bytes, kind: str) -> None:
    assert {found.kind for found in secrets_in_file(name, head)} == {kind}


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("cert.pem", b"-----BEGIN CERTIFICATE-----\nMIIB\n"),
        ("photo.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF 4111111111111111"),
        ("scan.pdf", b"%PDF-1.7 4111111111111111"),
        ("list.txt", b"milk, bread"),
    ],
)
def test_other_files(name: str, head: bytes) -> None:
    assert secrets_in_file(name, head) == ()


# ---- time

HARD: Final = {
    "digits": "4",
    "digits and blanks": "4 ",
    "groups": "4111 ",
    "letters": "a",
    "token starts": "ghp_",
    "dashes": "xoxb-",
    "JWT starts": "eyJ",
    "JWT segments": "eyJaaaaaaaaaa.",
    "addresses": "x://a:",
    "assignments": "password ",
    "assigned": "password=",
    "codes": "code ",
    "code is": "code is ",
    "seed words": "abandon ",
    "IBAN starts": "DE89 ",
    "accents": "a\u0301\u0323",
    "zero width": "\u200b",
    "full width": "４",
    "key blocks": "-----BEGIN ",
    "newlines": "\n",
}


@pytest.mark.parametrize("unit", HARD.values(), ids=HARD.keys())
def test_ten_million_characters_take_no_longer_than_a_long_text(unit: str) -> None:
    text = (unit * (10_000_000 // len(unit) + 1))[:10_000_000]
    began = time.process_time()
    secrets_in(text)
    assert time.process_time() - began < 5
    assert len(text) > LOOKED_AT


@pytest.mark.parametrize("unit", ["4 ", "41 ", "code is ", "eyJaaaaaaaaaa.", "password=", "abandon ", "x://a:"])
def test_time_grows_no_faster_than_the_text(unit: str) -> None:
    def seconds(length: int, times: int) -> float:
        text = (unit * (length // len(unit))).encode()
        began = time.process_time()
        for _ in range(times):
            secrets_in_file("x.txt", text)
        return time.process_time() - began

    # Some systems count a process's time in steps of 16 ms.
    assert seconds(FILE_LOOKED_AT, 1) < 4 * max(seconds(FILE_LOOKED_AT // 16, 16), 0.05)


def test_random_text_raises_nothing() -> None:
    chance = random.Random(5)
    alphabet = "4 1-\u200b٤a:=codepin password eyJ.\n\ud800é"
    for _ in range(300):
        secrets_in("".join(chance.choices(alphabet, k=200)))
