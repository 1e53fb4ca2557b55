"""One-time codes, PINs and WhatsApp's own codes: short numbers with a word beside them that says what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from whatsapp_mcp.policy.secret_keys import Found, masked

_NUMBER: Final = (
    r"(?<![A-Za-z0-9_+€$£#])(?<![0-9][.,:/-])(?<![A-Za-z]-)"
    r"((?:[A-Z]{1,2}-)?(?:[0-9]{4,8}|[0-9]{3}[- ][0-9]{3}|[0-9]{4}[- ][0-9]{4}))"
)
_NO_MORE: Final = r"(?![A-Za-z0-9_€$£%°]|[.,:/-][0-9]| ?(?:€|%|eur\b|usd\b|km\b|kg\b|am\b|pm\b|uhr\b|руб|円|元|원))"
_LINKING: Final = (
    r"(?<![\w-])((?=[0-9A-Z-]*[0-9])(?=[0-9A-Z-]*[A-Z])[0-9A-HJ-NP-TV-Z]{4}[- ]?[0-9A-HJ-NP-TV-Z]{4})(?![\w-])"
)
"""Of a device that is linked with the phone number: eight of these characters (whatsmeow pair-code.go)."""

_STRONG: Final = "|".join(
    (
        *(
            r"\botp\b",
            r"\b2fa\b",
            r"one[- ]time (?:code|pass\w*|pin)",
            r"passcode",
            r"verification (?:code|number|pin)",
        ),
        *(r"security code", r"confirmation code", r"log-?in code", r"linking code", r"pairing code", r"auth\w* code"),
        *(r"registration code", r"access code", r"sms[- ]code", r"whatsapp[- ]code", r"backup code"),
        r"(?:einmal|bestätigungs|sicherheits|verifizierungs|zugangs|aktivierungs|freischalt|kopplungs|anmelde|sms-?)"
        r"(?:code|kennwort|passwort|pin)",
        r"c[óo]digo (?:de )?(?:verifica|seguran|seguridad|confirma|acces|acesso|sms|whatsapp|registro|vincula)",
        r"code (?:de )?(?:vérif|sécurité|confirma|valida|d'accès|sms|whatsapp|secret)|code à usage",
        *("codice (?:di )?(?:verifica|sicurezza|conferma|accesso|sms)", "kod weryfik", "kod do whatsapp", "doğrulama"),
        *(
            "onay kodu",
            "kode verifikasi",
            "kode otp",
            "mã xác",
            "mã otp",
            "код подтвержд",
            "код для входа",
            "код из смс",
        ),
        *("код безопас", "проверочный код", "رمز التحقق", "رمز التأكيد", "كود التفعيل", "ओटीपी", "सत्यापन कोड"),
        *(
            "验证码",
            "驗證碼",
            "校验码",
            "認証コード",
            "確認コード",
            "暗証番号",
            "認証番号",
            "인증번호",
            "인증 번호",
            "인증코드",
        ),
    )
)
"""Words for such a code: a number a few words before or after it is one."""
_WEAK: Final = (
    r"\b(?:code|pin|(?-i:TAN)|c[óo]digo|clave|codice|kod|kodu|kode|cod|kód|код|пин|πιν|קוד|mã|رمز|كود|کد|कोड)\b"
    r"|密码|密碼|コード|코드"
)
"""Words for much else too: the number has to follow at once, or behind "is" or a colon."""
_IS: Final = r"(?:[:：=#—–-]|\b(?:is|ist|lautet|es|est|è|é|to|jest|это|هو|है|adalah)\b|是|は|는|은)"
_OTHER_CODES: Final = re.compile(
    r"(?:zip|post(?:al)?|area|country|dial\w*|promo\w*|discount|coupon|voucher|gift|referral|error|status|exit|product|"
    r"item|article|bar|qr|colou?r|dress|source|https?|sort|tax|course|class|event|order|booking|reservation|tracking|"
    r"posta|alan|indirim|ülke|hata|ürün)[ -]?(?:codes?|kodu|pin)"
    r"|code (?:postal|promo|barre|source|couleur|erreur|réduc|civil|pénal|review|base)"
    r"|c[óo]digo (?:postal|promo\w*|civil|penal|de (?:área|area|barras|descuento|desconto|error|erro|país|cliente))"
    r"|codice (?:postale|fiscale|sconto|civile|prodotto|cliente)|kod (?:pocztowy|rabatowy|kreskowy)"
    r"|kode (?:pos|promo|area|negara|voucher|barang)|код (?:города|товара|страны|ошибки|региона|домофона)"
    r"|mã (?:vùng|giảm giá|đơn hàng|bưu)|clave (?:de sol|para|del éxito)"
    r"|الرمز البريدي|رمز البريد|邮政编码|郵便番号|우편번호|商品コード|상품 코드|エラーコード|에러 코드",
    re.IGNORECASE,
)
_NEAR: Final = r"[^0-9\n]{0,40}?"
_FORMS: Final = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?P<word>{_STRONG}){_NEAR}{_NUMBER}{_NO_MORE}",
        rf"(?P<word>{_WEAK})[^\w\n]{{0,4}}{_NUMBER}{_NO_MORE}",
        rf"(?P<word>{_WEAK})[^0-9\n.!?]{{0,40}}?{_IS}\s{{0,2}}{_NUMBER}{_NO_MORE}",
        rf"{_NUMBER}(?![A-Za-z0-9_%€$£])\s{{0,2}}(?:{_IS}|\b(?:as|als|como|comme|come)\b)[^0-9\n.!?]{{0,40}}?"
        rf"(?P<word>{_STRONG}|{_WEAK})",
    )
)
_LINKING_FORMS: Final = tuple(
    re.compile(form)
    for form in (
        rf"(?i:(?P<word>{_STRONG}|{_WEAK}|\blink\w*|\bpair\w*|\bkoppl\w*)){_NEAR}{_LINKING}",
        rf"{_LINKING}[^0-9\n]{{0,40}}?(?i:(?P<word>{_STRONG}|{_WEAK}))",
        rf"\A\s*(?P<word>){_LINKING}\s*\Z",
    )
)
_ALONE: Final = re.compile(r"\s*([0-9]{3}[- ]?[0-9]{3})\s*[.!]?\s*")
_CARD_CODE: Final = re.compile(r"\b(?:cvv2?|cvc2?|cid|csc)\b\W{0,4}(?:(?:is|ist|es|est)\W{1,3})?([0-9]{3,4})\b", re.I)
_CANDIDATE: Final = re.compile(rf"[0-9]{{3}}|{_LINKING}")
_AROUND: Final = 80
"""Characters: more than any form has."""
_YEAR: Final = re.compile("(?:19|20)[0-9]{2}")


def codes_in(text: str) -> Iterator[Found]:
    alone = _ALONE.fullmatch(text)
    if alone is not None and not alone[1].endswith("00"):
        yield Found("a one-time code", masked(alone[1]))
        return
    for part in _around_numbers(text):
        for found in _CARD_CODE.finditer(part):
            yield Found("the security code of a card", masked(found[1]))
        for number, form in enumerate(_FORMS):
            for found in form.finditer(part):
                if number and (_is_other(part, found) or _YEAR.fullmatch(_number_of(found))):
                    continue
                yield Found("a one-time code", masked(_number_of(found)))
        for form in _LINKING_FORMS:
            for found in form.finditer(part):
                yield Found("a code that links a device", masked(_number_of(found)))


def _around_numbers(text: str) -> Iterator[str]:
    """The parts of a text in which a code can be: the forms are slow, and most text has no numbers."""
    start = end = 0
    for number in _CANDIDATE.finditer(text):
        if number.start() - _AROUND > end:
            if end:
                yield text[start:end]
            start = max(0, number.start() - _AROUND)
        end = number.end() + _AROUND
    if end:
        yield text[start:end]


def _number_of(found: re.Match[str]) -> str:
    return next(group for group in found.groups() if group and group != found["word"])


def _is_other(text: str, found: re.Match[str]) -> bool:
    """Whether the word with its neighbours means a code that is no secret."""
    start, end = found.span("word")
    return _OTHER_CODES.search(text, max(0, start - 14), end + 16) is not None
