"""A program that lets a language model answer chats: every message once, none missed, and never while its human writes.

    python examples/auto_reply.py --messages 3       # on a simulated WhatsApp: it starts the talk with Echo
    MODEL_URL=http://127.0.0.1:11434/v1 MODEL_NAME=llama3.2 python examples/auto_reply.py --messages 3

MODEL_URL is any server with the `chat/completions` of OpenAI (OpenAI, Ollama, llama.cpp, vLLM …), MODEL_KEY its key.
Without it, a stand-in answers, always the same to the same. For your own account, take `simulated=True` away.

What other people write is data for the model, never an instruction to it: it gets it as the user's words, it has no
tools, it sees the lines of one chat alone, and what it says goes to that chat and nowhere else. So each answer may be
said to follow from its chat alone (`within`), and nobody has to agree because somebody else wrote before.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Protocol

import httpx2

from whatsapp_mcp.client import WhatsApp, connect

INSTRUCTIONS = "You answer WhatsApp messages for Robin, who is busy: friendly, one or two sentences. Promise nothing."
REMEMBERED = 20
"""Lines of each chat that the model sees."""
HUMAN_PAUSE = 600
"""Seconds in which a chat is left alone after its human wrote there on the phone."""

Line = dict[str, str]
"""`role` (`user`: the other person, `assistant`: we) and `content`."""


class LanguageModel(Protocol):
    async def answer(self, lines: Sequence[Line]) -> str: ...


class StandIn:
    """Answers without any model, so that a program can be tried and tested."""

    async def answer(self, lines: Sequence[Line]) -> str:
        turn = sum(line["role"] == "user" for line in lines)
        return f"{turn}: you wrote {len(lines[-1]['content'])} characters"


class ChatCompletions:
    """A model behind the HTTP interface that most servers of models offer."""

    def __init__(self, url: str, model: str, key: str) -> None:
        self._url, self._model, self._key = url.rstrip("/") + "/chat/completions", model, key

    async def answer(self, lines: Sequence[Line]) -> str:
        messages = [{"role": "system", "content": INSTRUCTIONS}, *lines]
        async with httpx2.AsyncClient(timeout=60) as web:
            response = await web.post(
                self._url,
                json={"model": self._model, "messages": messages, "max_tokens": 300},
                headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            )
        response.raise_for_status()
        return str(response.json()["choices"][0]["message"]["content"]).strip()


def model_of_environment() -> LanguageModel:
    url = os.environ.get("MODEL_URL")
    if not url:
        return StandIn()
    return ChatCompletions(url, os.environ.get("MODEL_NAME", ""), os.environ.get("MODEL_KEY", ""))


async def answer_chats(whatsapp: WhatsApp, model: LanguageModel, *, messages: int) -> None:
    """Answer so many messages of people (not of groups)."""
    chats: dict[str, deque[Line]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
    human_until: dict[str, float] = {}
    answered = 0
    async for event in whatsapp.events("message", "own_message"):
        chat = event["chat_jid"]
        if event["kind"] == "own_message":
            human_until[chat] = time.monotonic() + HUMAN_PAUSE
            chats[chat].append({"role": "assistant", "content": event["content"]})
            continue
        if chat.endswith("@g.us") or not event["content"]:
            continue
        print(f"{event['sender_name']}: {event['content']}")
        chats[chat].append({"role": "user", "content": event["content"]})
        if time.monotonic() < human_until.get(chat, 0):
            continue
        alone = whatsapp.within(chat)
        await alone.call("readMessage", message_id=event["message_id"], phone=chat)
        text = await model.answer(chats[chat])
        # The key makes it one answer, even if this program is killed and started again in between.
        await alone.send(chat, text, reply_to=event["message_id"], idempotency_key=f"answer {event['message_id']}")
        chats[chat].append({"role": "assistant", "content": text})
        answered += 1
        if answered == messages:
            return


async def main() -> None:
    parser = argparse.ArgumentParser(description="Let a language model answer WhatsApp messages.")
    parser.add_argument("--messages", type=int, default=3, help="how many messages to answer before it ends")
    options = parser.parse_args()
    async with connect(simulated=True) as whatsapp:
        await whatsapp.link()  # the simulated phone scans the code by itself
        answering = asyncio.create_task(answer_chats(whatsapp, model_of_environment(), messages=options.messages))
        await whatsapp.send("Echo", "hello")
        await answering


if __name__ == "__main__":
    asyncio.run(main())
