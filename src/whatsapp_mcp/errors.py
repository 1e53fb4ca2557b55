"""Everything that can go wrong, as one hierarchy.

WhatsAppMcpError                   code, message, next_step, details
├── InvalidArgument                the caller passed something unusable; names the field
│   └── InvalidMedia               the content of a file: damaged, of another kind, too much work
├── NotFound                       the chat, message or person does not exist here
├── AmbiguousRecipient             a name fits several people; carries the candidates
├── NotAllowed                     a rule of this server forbids it
├── ConfirmationNeeded             the owner has to agree first, and this host cannot ask
├── SessionError                   the WhatsApp session cannot do it now
│   ├── NotLoggedIn                no account is linked
│   ├── NotConnected               linked, but not connected within the wait
│   ├── AlreadyLoggedIn            an account is linked already
│   ├── ClientOutdated             WhatsApp refuses this version of the client
│   ├── AccountBanned              WhatsApp banned the account for a time
│   ├── SessionReplaced            the same linked device connected elsewhere
│   ├── SessionCrashed             the session process ended during the call
│   ├── SessionTimeout             WhatsApp did not answer in time
│   ├── OutcomeUnknown             a message was handed over, and nothing came back
│   ├── NotEncrypted               a message went out without a ciphertext for its recipient
│   ├── DataDirectoryInUse         who has the account does not share it
│   └── SideLoginError             a short login of our own, for what neonize cannot send
│       ├── CertificateRefused     the other end did not prove that it is WhatsApp
│       ├── LoginRefused           WhatsApp refused the login; names the reason
│       ├── SideReplaced           another login of the linked device took its place
│       ├── AppStateKeysMissing    the phone has not shared any app-state key yet
│       ├── AppStateKeyMissing     a change was made with a key that the phone has not shared
│       ├── AppStateConflict       other devices changed the same collection again and again
│       └── AppStateUnreadable     the app state cannot be verified, so nothing is built on it
├── WhatsAppRefused                WhatsApp answered with an error
│   ├── ReachoutTimelock           463: the account may not start new chats for now
│   └── RateLimited                429: too many requests
├── NotInstalled                   a part that a plain installation leaves out; names the extra
├── MediaExpired                   WhatsApp no longer has the media of a message
├── StoreError                     the message store cannot be used
│   └── StoreUnusable              nor later: somebody has to do something about its file
└── SetupError                     configuration or installation is wrong; stops the start

An error travels from the session process to the server process as ``to_wire()`` and comes back with ``from_wire()``.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from whatsapp_mcp.untrusted_text import said

__all__ = [
    "CODES",
    "AccountBanned",
    "AlreadyLoggedIn",
    "AmbiguousRecipient",
    "AppStateConflict",
    "AppStateKeyMissing",
    "AppStateKeysMissing",
    "AppStateUnreadable",
    "CertificateRefused",
    "ClientOutdated",
    "ConfirmationNeeded",
    "DataDirectoryInUse",
    "InvalidArgument",
    "InvalidMedia",
    "LoginRefused",
    "MediaExpired",
    "NotAllowed",
    "NotConnected",
    "NotEncrypted",
    "NotFound",
    "NotInstalled",
    "NotLoggedIn",
    "OutcomeUnknown",
    "RateLimited",
    "ReachoutTimelock",
    "SessionCrashed",
    "SessionError",
    "SessionReplaced",
    "SessionTimeout",
    "SetupError",
    "SideLoginError",
    "SideReplaced",
    "StoreError",
    "StoreUnusable",
    "WhatsAppMcpError",
    "WhatsAppRefused",
    "from_wire",
]


WHATSAPP_SAID: Final = "whatsapp_said"
"""The detail that quotes what WhatsApp, or the library that speaks with it, answered. People who write to the account
can bring text of theirs into such answers, so it stands in no sentence of ours."""


class WhatsAppMcpError(Exception):
    """Base of all. ``message`` says what happened, ``next_step`` what the caller can do about it; both are ours from
    beginning to end, numbers apart."""

    code: ClassVar[str] = "internal_error"
    next_step: str = "Try again; if it happens again, run `whatsapp-mcp doctor`."

    def __init__(
        self, message: str, *, next_step: str | None = None, details: dict[str, Any] | None = None, **named: object
    ) -> None:
        """``named``: details by name; those that are None are left out."""
        super().__init__(message)
        self.message = message
        given = {name: value for name, value in named.items() if value is not None}
        self.details: dict[str, Any] = given | (details or {})
        """Machine-readable extras: ``field``, ``candidates``, ``retry_after_seconds``, ``whatsapp_said`` …"""
        if WHATSAPP_SAID in self.details:
            self.details[WHATSAPP_SAID] = said(str(self.details[WHATSAPP_SAID]))
        if next_step is not None:
            self.next_step = next_step

    def to_wire(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message, "next_step": self.next_step, "details": self.details}


class InvalidArgument(WhatsAppMcpError):
    """An argument is missing, malformed or out of range."""

    code = "invalid_argument"
    next_step = "Correct the named argument and call again."


class InvalidMedia(InvalidArgument):
    """A file cannot be decoded: damaged, of another kind, or more work than it is worth."""

    code = "invalid_media"
    next_step = "Pass another file, or send it as a document."


class NotFound(WhatsAppMcpError):
    """What the caller named is unknown."""

    code = "not_found"
    next_step = "Look it up first with listChats, userMyContacts or getChatMessages, and pass what it returns."


class AmbiguousRecipient(WhatsAppMcpError):
    """A name matches more than one chat or contact."""

    code = "ambiguous_recipient"
    next_step = "Call again with the number or JID of one of the candidates."


class NotAllowed(WhatsAppMcpError):
    """Forbidden by the configuration of this server."""

    code = "not_allowed"
    next_step = "Ask the person who runs this server; the rule is named in the message."


class ConfirmationNeeded(WhatsAppMcpError):
    """The owner has to agree first, and this host cannot ask; ``details.approval_code`` is for the owner alone."""

    code = "confirmation_needed"
    next_step = (
        "Tell the user what you want to do and the approval code. When they have approved it, in a terminal with "
        "`whatsapp-mcp approve CODE` or on the page of `whatsapp-mcp serve`, make exactly the same call again."
    )


class NotInstalled(WhatsAppMcpError):
    """It needs an extra that is not installed; ``details.extra`` names it."""

    code = "not_installed"
    next_step = (
        "Whoever runs this server can install it (whatsapp-web-mcp[media]; `whatsapp-mcp doctor` says how). Until "
        "then, send the file as a document with sendFile."
    )


class SessionError(WhatsAppMcpError):
    """The WhatsApp session is not in a state to do this."""

    code = "session_error"


class NotLoggedIn(SessionError):
    """No WhatsApp account is linked."""

    code = "not_logged_in"
    next_step = (
        "Call appLogin and have the user scan the QR code with WhatsApp on the phone; appLoginWithCode gives a code to "
        "type instead."
    )


class NotConnected(SessionError):
    """An account is linked, but the connection was not up within the wait."""

    code = "not_connected"
    next_step = "Wait some seconds and call again; if it stays so, call appReconnect."


class AlreadyLoggedIn(SessionError):
    """Pairing was asked for while an account is linked."""

    code = "already_logged_in"
    next_step = "Call appLogout first if another account is to be linked."


class ClientOutdated(SessionError):
    """WhatsApp answered 405: the announced client version is too old."""

    code = "client_outdated"
    next_step = (
        "Only a newer WhatsApp library helps: `whatsapp-mcp upgrade-check` tells whether there is one, and how to "
        "install it. Then restart the MCP hosts."
    )


class AccountBanned(SessionError):
    """WhatsApp banned the account temporarily; the message says until when, as far as WhatsApp told."""

    code = "account_banned"
    next_step = (
        "Wait until the ban ends: the session connects by itself then, if WhatsApp said when, and otherwise when "
        "appReconnect is called. Read the notice in WhatsApp on the phone."
    )


class SessionReplaced(SessionError):
    """The same linked device logged in from somewhere else."""

    code = "session_replaced"
    next_step = "Stop the other program that uses this data directory's session; then call appReconnect."


class SessionCrashed(SessionError):
    """The session process ended while the call was under way; whether it took effect is unknown."""

    code = "session_crashed"
    next_step = (
        "The session restarts by itself. Before repeating a send, find out whether it went out: the phone knows; "
        "getChatMessages shows most of it."
    )


class SessionTimeout(SessionError):
    """WhatsApp did not answer in time; whether the request took effect is unknown."""

    code = "session_timeout"
    next_step = "Before repeating a send, find out whether it went out: the phone knows; look with getChatMessages."


class OutcomeUnknown(SessionError):
    """A message was handed to the connection and never acknowledged: it may have been sent, or not."""

    code = "outcome_unknown"
    next_step = (
        "Do not send it again blindly: it may have gone out even if no list shows it; the phone and the recipient "
        "know. If there was an idempotency_key, call again with it: that sends nothing, and tells as "
        "soon as a receipt proves that it went out. If it did not, send it under a new key."
    )


class NotEncrypted(SessionError):
    """A message could not be encrypted for its recipient's phone, and went out to other devices only, if to any."""

    code = "not_encrypted"
    next_step = (
        "Send it again, also with the same idempotency_key: the recipient's phone does not have it. The phone of this "
        "account may show the one that did not arrive as sent."
    )


class DataDirectoryInUse(SessionError):
    """The account is in use by a process that this one cannot share it with: of another version, or that hangs."""

    code = "data_directory_in_use"
    next_step = "Run `whatsapp-mcp doctor` with the same data directory: it says who has the account, and what to do."


class SideLoginError(SessionError):
    """The short login of our own, which sends what neonize cannot, did not work; the session goes on as before."""

    code = "side_login_failed"
    next_step = "Call again in some seconds."


class CertificateRefused(SideLoginError):
    """The other end did not prove that it is WhatsApp; it learned nothing about the account."""

    code = "certificate_refused"
    next_step = (
        "Check the clock of this machine and whether a proxy or firewall opens TLS connections. Do not repeat the "
        "call before one of them is corrected: somebody may be listening."
    )


class LoginRefused(SideLoginError):
    """WhatsApp answered the login with ``<failure>``; ``details.reason`` has the number. The session is not touched."""

    code = "login_refused"
    next_step = "Call appReconnect: it finds out whether the linked device is still accepted."


class SideReplaced(SideLoginError):
    """Another login of the same linked device took the place of ours."""

    code = "side_login_replaced"
    next_step = "Stop the other program that uses this data directory's session, then call again."


class AppStateKeysMissing(SideLoginError):
    """The phone shares the keys of stars, pins and labels some seconds after linking; it has not done so yet."""

    code = "app_state_keys_missing"
    next_step = (
        "The phone has not sent the app-state keys yet: open WhatsApp on the phone and call again in some seconds."
    )


class AppStateKeyMissing(SideLoginError):
    """A change made on another device uses a newer key than those that the phone has shared; nothing was sent."""

    code = "app_state_key_missing"
    next_step = "The session asks the phone for the key by itself: open WhatsApp on the phone and call again."


class AppStateConflict(SideLoginError):
    """Other devices changed the same collection between each of our attempts; ours was not accepted."""

    code = "app_state_conflict"
    next_step = "Call again: another device was changing chats or stars at the same moment."


class AppStateUnreadable(SideLoginError):
    """The collection's MACs do not fit, not even from a fresh snapshot; nothing was sent."""

    code = "app_state_unreadable"
    next_step = "Do it on the phone instead. If it stays so, call appLogout and link the account again."


class WhatsAppRefused(WhatsAppMcpError):
    """WhatsApp answered the request with an error."""

    code = "whatsapp_refused"
    next_step = (
        "Check the chat, people and message that the call names, and whether this account may do it; do not repeat it "
        "unchanged."
    )


class ReachoutTimelock(WhatsAppRefused):
    """WhatsApp error 463: starting chats with new people is locked for this account for now."""

    code = "reachout_timelock"
    next_step = "Do not repeat it: answering people who wrote first still works, and the lock ends by itself."


class RateLimited(WhatsAppRefused):
    """WhatsApp error 429 or a limit of this server; ``details.retry_after_seconds`` says how long to wait."""

    code = "rate_limited"
    next_step = "Wait as long as retry_after_seconds says, then call again."


class MediaExpired(WhatsAppMcpError):
    """The media servers answered 403, 404 or 410: what was sent is no longer there."""

    code = "media_expired"
    next_step = "Ask the sender to send it again; the phone may still show its own copy."


class StoreError(WhatsAppMcpError):
    """The message store is corrupt, read-only, full, or was written by a newer version."""

    code = "store_error"
    next_step = "Run `whatsapp-mcp doctor`: it names the file and what to do."


class StoreUnusable(StoreError):
    """What no time mends: the file is no database, damaged, or of a newer version."""

    code = "store_unusable"


class SetupError(WhatsAppMcpError):
    """Wrong configuration or installation."""

    code = "setup_error"
    next_step = "Correct the named setting and start again."


def _all_classes(cls: type[WhatsAppMcpError]) -> list[type[WhatsAppMcpError]]:
    return [cls, *(c for sub in cls.__subclasses__() for c in _all_classes(sub))]


_BY_CODE: dict[str, type[WhatsAppMcpError]] = {cls.code: cls for cls in reversed(_all_classes(WhatsAppMcpError))}
CODES: Final = frozenset(_BY_CODE)
"""All codes that an error can have."""


def from_wire(data: dict[str, Any]) -> WhatsAppMcpError:
    """The error that ``to_wire`` described; an unknown code becomes the base class."""
    cls = _BY_CODE.get(str(data.get("code")), WhatsAppMcpError)
    error = cls(str(data.get("message", "")), details=dict(data.get("details") or {}))
    if data.get("next_step"):
        error.next_step = str(data["next_step"])
    return error
