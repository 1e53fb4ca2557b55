"""What people ask a large store for, by the way it is asked: held, so that figures can be compared over time.

The words are those of ``bench.languages``, where the first ones of a language are the most frequent ones; rare ones
are the held messages' own, of which there are a few among all.
"""

from __future__ import annotations

from typing import Final

__all__ = ["EVERYWHERE"]

EVERYWHERE: Final[dict[str, tuple[str, ...]]] = {
    "frequent word": (
        *("the", "you", "que", "não", "ich", "und", "de", "я", "не", "في", "من", "אני", "לא", "है", "में", "bir"),
        *("không", "là", "나", "너"),
    ),
    "middling word": (
        *("tomorrow", "meeting", "reunião", "aniversario", "Straße", "FRÜHSTÜCK", "corazon", "встреча", "елка"),
        *("مدرسه", "اجتماع", "עבודה", "תמונה", "धन्यवाद", "toplanti", "ISTANBUL", "truong", "회의", "커피", "ağaç"),
    ),
    "rare word": (
        *("hedgehog", "veterinarian", "giesskanne", "smorrebrod", "igdir", "quantum", "самолет", "οδυσσεας"),
        *("اسطنبول", "القرآن", "החלון", "पकौड़े", "தமிழ்நாடு", "abracadabra", "wuppertal", "trattoria", "odegard"),
    ),
    "two words": (
        *("the you", "dinner tomorrow", "que não", "reunião amanhã", "ich und", "morgen Termin", "de la", "cena hoy"),
        *("я не", "завтра встреча", "في من", "اليوم اجتماع", "אני לא", "में है", "bir ve", "yarın toplantı", "không là"),
        *("hedgehog the", "오늘 회의", "the hedgehog veterinarian"),
    ),
    "1 character, CJK": (
        "的",
        "我",
        "不",
        "天",
        "会",
        "学",
        "の",
        "は",
        "日",
        "车",
        "鲸",
        "鐘",
        "나",
        "회",
        "吃",
        "京",
    ),
    "2 characters, CJK": (
        *(
            "明天",
            "今天",
            "开会",
            "学校",
            "北京",
            "问题",
            "です",
            "ます",
            "会議",
            "東京",
            "りが",
            "회의",
            "학교",
            "高い",
            "鲸鱼",
            "ンダ",
        ),
    ),
    "3 characters, CJK": (
        "没问题",
        "马上到",
        "我今天",
        "ありが",
        "カタカ",
        "晩ご飯",
        "大丈夫",
        "고마워",
        "괜찮아",
        "ラーメ",
        "纪录片",
    ),
    "4 characters, CJK": (
        "你好明天",
        "的开会了",
        "我我的你",
        "お願いし",
        "ラーメン",
        "コーヒー",
        "カタカナ",
        "ありがと",
        "鲸鱼纪录",
    ),
    "Thai": ("ที่", "ไม่", "พรุ่งนี้", "ประชุม", "โรงเรียน", "กาแฟ", "ไม่ไป", "อาหารเย็น", "โลมา", "น้ำแข็ง"),
    "beginning, with *": (
        *("t*", "tom*", "re*", "reun*", "ge*", "str*", "за*", "встр*", "ال*", "مدر*", "עבו*", "धन्य*", "to*", "hedge*"),
    ),
    "beginning, no such word": (
        *("tomorr", "obriga", "wochenen", "cumplea", "пожалуй", "teşekk", "birthda", "frühst", "hedgeh", "fotog"),
    ),
    "one word or another": (
        *("tomorrow OR meeting", "hedgehog OR veterinarian", "the OR you", "que OR não", "встреча OR завтра"),
        *("dinner tomorrow OR meeting", "的 OR 我", "xylophone OR hedgehog", "in OR out OR over OR under"),
    ),
    "phrase": (
        *('"to you"', '"and the"', '"que não"', '"de la"', '"ich und"', '"я не"', '"في من"', '"אני לא"', '"bir bu"'),
        *('"must fast"', '"hedgehog must fast"', '"không là"', '"明天 开会"', '"the veterinarian"'),
    ),
    "without a word": (
        *("the -you", "que -não", "tomorrow -the", "я -не", "في -من", "的 -我", 'the -"to you"', "hedgehog -the"),
    ),
    "symbols and numbers": (
        "😂",
        "👍",
        "❤️",
        "👨‍👩‍👧",
        "18:30",
        "25 €",
        "€",
        "https://example.org",
        "example.org/a",
        "C++",
        "pdf",
    ),
    "nothing found": (
        *(
            "xylophone",
            "zzzz",
            "небылица",
            "不在鲸",
            "鰻鰻",
            "กกกก",
            '"you hedgehog the"',
            "hedgehog giesskanne",
            "qwert*",
        ),
    ),
}
"""Queries by class."""
