"""Characters for simulated people: small, predictable conversation partners for demonstrations and tests.

A persona sees one message and says what to do about it. No randomness: the same conversation goes the same way each
time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from whatsapp_mcp.simulator.content.summary import ReceivedMessage

TRAVELLERS = ("Ana", "Bruno", "Chen")
"""Who of the cast is in the group of the demonstration."""


@dataclass(frozen=True, slots=True)
class Say:
    text: str
    reply: bool = False
    """Quote the message that is answered."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """An emoji on the message that is answered."""

    emoji: str


Answer = Say | Reaction


class Persona(Protocol):
    """How a contact answers by itself."""

    @property
    def reading_seconds(self) -> float:
        """From the message's arrival to its read receipt."""

    def typing_seconds(self, text: str) -> float:
        """How long "typing…" is shown before ``text`` is sent."""

    def answer(self, message: ReceivedMessage) -> Sequence[Answer]:
        """What to do about a message; called once per message, in order."""


@dataclass(slots=True)
class _Pace:
    """Reading and typing speed of a lively but human writer: 0.3 to 1 s in all."""

    reading_seconds: float = 0.15
    seconds_per_character: float = 0.01

    def typing_seconds(self, text: str) -> float:
        return min(0.85, 0.2 + self.seconds_per_character * len(text))


class Echo(_Pace):
    """Says every text back at once; names what is not a text."""

    def answer(self, message: ReceivedMessage) -> Sequence[Answer]:
        if message.kind in ("reaction", "revoke", "edit", "vote", "protocol", "disappearing"):
            return ()
        return (Say(message.text if message.text else f"[{message.kind}]", reply=True),)


@dataclass(slots=True)
class Talker(_Pace):
    """Answers by key words, else with the next line of its own, round and round."""

    rules: Sequence[tuple[str, str]] = ()
    """(regular expression over the text, answer); the first that matches wins. ``{text}`` is what was written."""
    lines: Sequence[str] = ("…",)
    on_location: str | None = None
    on_poll: str | None = None
    on_contact: str | None = None
    on_media: str | None = None
    thanks_emoji: str | None = None
    """Reaction to a message that says thank you."""
    _turn: int = field(default=0, init=False)

    def answer(self, message: ReceivedMessage) -> Sequence[Answer]:
        if message.kind == "text":
            return self._answer_text(message.text)
        special = {"location": self.on_location, "poll": self.on_poll, "contact": self.on_contact}
        if message.kind in ("image", "video", "audio", "voice", "document", "sticker"):
            special[message.kind] = self.on_media
        text = special.get(message.kind)
        return (Say(text.format(text=message.text), reply=True),) if text else ()

    def _answer_text(self, text: str) -> Sequence[Answer]:
        answers: list[Answer] = []
        if self.thanks_emoji and _THANKS.search(text):
            answers.append(Reaction(self.thanks_emoji))
        for pattern, answer in self.rules:
            if re.search(pattern, text, re.IGNORECASE):
                answers.append(Say(answer.format(text=text), reply="{text}" in answer))
                return answers
        if not answers:
            answers.append(Say(self.lines[self._turn % len(self.lines)].format(text=text)))
            self._turn += 1
        return answers


_THANKS = re.compile(r"\b(thanks|thank you|thx|gracias|obrigad[oa]|danke|merci)\b|谢谢", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CastMember:
    """One of the people that a demonstration starts with."""

    name: str
    number: str
    persona: Persona
    business_name: str | None = None
    about: str = "Hey there! I am using WhatsApp."
    saved: bool = True
    """Whether the owner has them in the address book."""


def _ana() -> Persona:
    return Talker(
        rules=(
            (r"\bping\b", "pong 🏓 And you, what are you testing?"),
            (r"\b(hi|hello|hey|hola|good (morning|evening))\b", "Hi! 😊 How is your day going?"),
            (r"\bfriday\b", "Friday at 7 works for me. Shall I book a table?"),
            (r"\b(dinner|lunch|eat)\b", "I'd love to! Does Friday at 7 suit you?"),
            (r"\b(thanks|thank you)\b", "Any time! Anything else I can help with?"),
            (r"\b(bye|see you|good night)\b", "See you! Talk tomorrow?"),
            (r"\?\s*$", "Good question. What do you think yourself?"),
        ),
        lines=("Sounds good! Tell me more?", "Oh, really? And then?", "I like that. When do we start?"),
        on_location="Nice place! Shall we meet there?",
        on_poll="I have to think about “{text}”. What did you choose?",
        on_contact="Thanks, I'll write to {text}. Do they know me?",
        on_media="Lovely! Where was that?",
        thanks_emoji="❤️",
    )


def _bruno() -> Persona:
    return Talker(
        rules=(
            (r"\bping\b", "pong! Mas primeiro, um café ☕"),
            (r"\b(oi|olá|ola|bom dia|boa tarde|hello|hi)\b", "Olá! Você já tomou café hoje?"),
            (r"\b(obrigad[oa]|thanks|thank you)\b", "De nada! O café é por minha conta."),
            (r"\b(açúcar|acucar|sugar)\b", "Café bom não precisa de açúcar, só de atenção."),
        ),
        lines=(
            "Sabia que o Brasil é o maior produtor de café do mundo há mais de 150 anos?",
            "O grão de café é, na verdade, a semente de uma fruta parecida com uma cereja.",
            "A palavra “café” vem do árabe “qahwa”, que também já significou vinho.",
            "A torra média preserva mais acidez; a torra escura traz mais amargor e corpo.",
            "Água a 92–96 °C extrai o melhor sabor: se ferver, o pó queima e fica áspero.",
        ),
        on_location="Tem cafeteria aí perto? Então já estou a caminho!",
        on_poll="Meu voto em “{text}” é: café. Sempre café.",
        on_contact="{text} também gosta de café?",
        on_media="Que foto ótima! Só faltou uma xícara.",
        thanks_emoji="☕",
    )


def _chen() -> Persona:
    return Talker(
        rules=(
            (r"\bping\b", "收到,pong。"),
            (r"(你好|您好|早上好|\bhello\b|\bhi\b)", "你好!最近怎么样?"),
            (r"(谢谢|\bthanks?\b)", "不客气!"),
            (r"(吃饭|晚饭|\bdinner\b|\blunch\b)", "好啊,我们去吃火锅吧。几点见?"),
            (r"(天气|\bweather\b)", "今天天气很好,适合去公园走走。"),
            (r"[??]\s*$", "让我想一想,明天告诉你。"),
        ),
        lines=("明白了。", "听起来不错。", "好的,我记下来了。", "真有意思,再说一点?"),
        on_location="这个地方我知道,离我家不远。",
        on_poll="关于“{text}”,我再考虑一下。",
        on_contact="收到{text}的名片,谢谢。",
        on_media="照片很漂亮!",
        thanks_emoji="🙏",
    )


def _shop() -> Persona:
    return Talker(
        rules=(
            (r"\bping\b", "pong. Our opening hours are Mon–Sat 9:00–18:00."),
            (r"\b(open|hours|when)\b", "We are open Monday to Saturday, 9:00–18:00."),
            (r"\b(price|cost|how much)\b", "A dozen red tulips is €12.50, delivery within the city included."),
            (
                r"\b(order|buy|want)\b",
                "Thank you for your order! Your number is #2041. We deliver tomorrow before noon.",
            ),
            (r"\b(thanks|thank you)\b", "Thank you for choosing Petal & Stem! 🌷"),
            (r"\b(hi|hello|hey)\b", "Welcome to Petal & Stem! 🌷 Ask for *prices*, *hours*, or just *order*."),
        ),
        lines=("Thank you for your message. Ask for *prices*, *hours* or *order* for a quick answer.",),
        on_location="We deliver there! Delivery takes about two hours.",
        on_contact="Shall we send the flowers to {text}?",
    )


def cast() -> tuple[CastMember, ...]:
    """The people of the demonstration, fresh ones at each call. Their numbers are from ranges reserved for fiction."""
    return (
        CastMember("Ana", "12025550111", _ana(), about="Always up for dinner 🍝"),
        CastMember("Bruno", "12025550122", _bruno(), about="Café é vida ☕"),
        CastMember("Chen", "12025550133", _chen(), about="慢慢来,比较快"),
        CastMember("Echo", "12025550144", Echo(), about="What you say is what you get"),
        CastMember("Petal & Stem", "12025550155", _shop(), business_name="Petal & Stem Florists", saved=False),
    )
