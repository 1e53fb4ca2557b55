"""All settings of the server, once. Every one is a ``WHATSAPP_MCP_*`` variable, many are command-line options too."""

from __future__ import annotations

import os
import re
import socket
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

from whatsapp_mcp.account_names import DEFAULT_ACCOUNT, account_name
from whatsapp_mcp.buckets import BucketPrefix, bucket_address, prefix_of
from whatsapp_mcp.platform.data_folder import data_folder
from whatsapp_mcp.qr_picture import QR_FILE_NAME
from whatsapp_mcp.whereabouts import (
    SCHEMES,
    SHARED_SCHEMA,
    Place,
    PostgresSchema,
    StoredDocument,
    Whereabouts,
    schema_name,
)

PREFIX: Final = "WHATSAPP_MCP_"
"""Of the variables, before the setting's name; upper and lower case are the same."""


def _settled(path: Path) -> Path:
    """Hosts start servers without a shell that would expand ``~`` and ``$HOME``, and in any folder."""
    return _expanded(str(path)).absolute()


def _expanded(path: str) -> Path:
    text = os.path.expandvars(path)
    if (unknown := _VARIABLE.search(text)) is not None:
        raise ValueError(f"{unknown[0]} is not set here, so that {text} is no path; write it out")
    return Path(text).expanduser()


def _known_folders(folders: str) -> str:
    for entry in folders.split(os.pathsep):
        _expanded(entry)
    return folders


_VARIABLE: Final = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[^}]*\})")


def _known_zone(name: str) -> str:
    if name:
        _zone(name)
    return name


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo  # with its data files it is loaded only where a zone is named

    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError("there is no such time zone; write it like Europe/Berlin") from None


def _postgres(url: SecretStr | None) -> SecretStr | None:
    text = url.get_secret_value() if url else ""
    if text and (not text.startswith(SCHEMES) or "#" in text):
        raise ValueError("write it as postgresql://USER:PASSWORD@HOST/DATABASE, with %23 for a # in it")
    return url


def _bucket(address: str) -> str:
    return bucket_address(address) if address else ""


def _node_name(name: str) -> str:
    if name and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
        raise ValueError("write letters, digits, dots and hyphens, at most 63")
    return name


_Path = Annotated[Path, AfterValidator(_settled)]
_Level = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
]


class Settings(BaseModel):
    """Configuration of one server. Read from the environment; the command line overrides it.

    pydantic-settings would read more than plain variables, and its import takes a tenth of the time of a whole start.
    """

    model_config = ConfigDict(extra="ignore", validate_default=True, hide_input_in_errors=True)

    data_dir: _Path = Field(
        default_factory=lambda: data_folder("whatsapp-mcp"),
        description="Folder of all accounts: linked-device sessions, message stores, media. Created with mode 0700.",
    )
    account: Annotated[str, AfterValidator(account_name)] = Field(
        default=DEFAULT_ACCOUNT,
        description="Account to use, one of those that `whatsapp-mcp accounts` lists; of `serve`, the one at `/mcp`.",
    )
    database: Annotated[SecretStr | None, AfterValidator(_postgres)] = Field(
        default=None,
        description="PostgreSQL database for the messages and keys of all accounts, as `postgresql://USER@HOST/NAME`. "
        "Unset: files in each account's folder.",
    )
    media: Annotated[str, AfterValidator(_bucket)] = Field(
        default="",
        description="Bucket for the received media of all accounts, as `s3://BUCKET/PREFIX`. Credentials, region and "
        "`AWS_ENDPOINT_URL` are the usual AWS variables. Empty: a folder of each account.",
    )
    media_link_seconds: int = Field(
        default=0,
        ge=0,
        le=604_800,
        description="Seconds for which an address that downloadMessageMedia gives opens the file in the bucket, for "
        "everybody who has it. 0: none is given.",
    )
    node: Annotated[str, AfterValidator(_node_name)] = Field(
        default="",
        description="Of `serve`: name of this machine among those that share the database. Other nodes can use its "
        "accounts then, and take them over.",
    )
    node_address: str = Field(
        default="",
        description="Address of this machine at which other nodes reach its accounts. Empty: the one by which it "
        "reaches the database.",
    )
    max_accounts: int | None = Field(
        default=None, ge=1, description="Most accounts that this node holds at once. Unset: no limit."
    )
    endpoint: _Path | None = Field(
        default=None,
        description="Endpoint file of a WhatsApp simulator (proxy, ca_file, noise_root). Unset: the real WhatsApp.",
    )
    require_endpoint: bool = Field(
        default=False, description="Refuse to start the session without an endpoint file. Tests set it."
    )
    toolsets: str = Field(
        default="core", description="Comma-separated toolsets or tools to list; `all` lists every tool."
    )
    read_only: bool = Field(default=False, description="Offer only tools that change nothing.")
    policy: Literal["open", "careful", "read-only", "locked"] = Field(
        default="careful", description="Preset that holds where the account's policy.toml names none."
    )
    scope: Literal["read", "send", "full"] = Field(
        default="full",
        description="Most that a caller may do: `read` changes nothing, `send` also writes to chats and arranges them.",
    )
    output_schemas: bool = Field(
        default=True, description="Publish output schemas in tools/list. Switch off for hosts that cannot compile them."
    )
    connect_wait: float = Field(
        default=15.0, ge=0, le=60, description="Seconds a tool waits for the connection before it fails with the state."
    )
    call_timeout: float = Field(
        default=50.0, gt=0, le=80, description="Seconds after which a request to WhatsApp is given up."
    )
    repeat_seconds: int = Field(
        default=60,
        ge=0,
        le=3600,
        description="Seconds within which the same send in the same conversation is a repetition: it gets the first "
        "result, and nothing is sent. 0: never.",
    )
    result_budget: int = Field(
        default=20_000,
        ge=2_000,
        description="Bytes of text in one tool result; longer lists are cut at a row and continued.",
    )
    timezone: Annotated[str, AfterValidator(_known_zone)] = Field(
        default="",
        description="Time zone of the times in results, such as Europe/Berlin. Empty: that of the system.",
    )
    outbox: Annotated[str, AfterValidator(_known_folders)] = Field(
        default="",
        description="Folders, separated like PATH, from which files may be sent. Empty: no local file can be sent.",
    )
    client_roots: bool = Field(
        default=False,
        description="Files may be sent also from the folders that a client on this machine names as its roots.",
    )
    download_limit: int = Field(
        default=256, ge=1, le=2048, description="MiB of the largest received file that is downloaded."
    )
    resource_limit: int = Field(
        default=16, ge=1, le=256, description="MiB of the largest received file that is read as a resource."
    )
    voice_model: _Path | None = Field(
        default=None,
        description="Folder of a Whisper model (CTranslate2), with which transcribeMessage writes down voice notes.",
    )
    allow_loopback_urls: bool = Field(
        default=False, description="Fetch media and previews from this machine too. For tests only."
    )
    side_login_distance: float = Field(
        default=5.0,
        ge=0,
        le=3600,
        description="Seconds between two short pauses of the session for requests that neonize cannot send.",
    )
    side_login_per_day: int = Field(
        default=200,
        ge=0,
        description="Most such pauses in 24 hours, of all servers of the account together; 0 means no limit.",
    )
    phone_changes_distance: float = Field(
        default=1800.0,
        ge=0,
        le=86400,
        description="Seconds from one such pause to one that only reads what the phone has starred, deleted, labelled "
        "or marked as read; 0 means that this is not read.",
    )
    retention_days: int | None = Field(
        default=None,
        ge=1,
        description="Days after which stored messages are removed, with their media; starred ones stay. Unset: never.",
    )
    typing_events: bool = Field(
        default=False,
        description="Tell who waits for events that somebody is typing. neonize ends over a state that it does not "
        "know, which a sender can choose, and is started again then.",
    )
    device_name: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(
        default="",
        max_length=50,
        description="Name under which the phone lists this device, from linking on. Empty: this program's name, "
        "the account's if it is not `default`, and this machine's.",
    )
    session_linger: float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="Seconds that the connection to WhatsApp outlives the last server that uses it.",
    )
    schedule_late_minutes: int = Field(
        default=60,
        ge=1,
        le=1440,
        description="Minutes that a scheduled message may be late, after sleep say.",
    )
    schedule_late: Literal["expire", "ask"] = Field(
        default="expire",
        description="What becomes of a scheduled message that is later: it never leaves, or the owner is asked.",
    )
    schedule_stay_hours: float = Field(
        default=12.0,
        ge=0,
        le=8784,
        description="The connection outlives the last server for a scheduled message that is due within so many hours.",
    )
    record_stanzas: _Path | None = Field(
        default=None,
        description="File to which the shapes of stanzas are added: tags, names of attributes, kinds of values, "
        "nothing that identifies. `whatsapp-mcp verify --record FILE` sets it.",
    )
    host: str = Field(default="127.0.0.1", description="Of `serve`: address to listen on.")
    port: int = Field(default=8765, ge=0, le=65535, description="Of `serve`: port to listen on; 0 picks a free one.")
    allowed_host: str = Field(
        default="",
        description="Of `serve`: names under which clients reach it from elsewhere, comma-separated. Those of loopback "
        "are always allowed.",
    )
    allow_remote: bool = Field(
        default=False,
        description="Of `serve`: listen on an address that other machines can reach. TLS is needed then: `--tls-cert`, "
        "or a proxy.",
    )
    log_level: _Level = Field(default="WARNING", description="Level of the log on stderr: DEBUG, INFO, WARNING, ERROR.")
    log_format: Literal["text", "json"] = Field(
        default="text", description="Form of the log on stderr: `json` is one object a line, for programs that read it."
    )

    @model_validator(mode="before")
    @classmethod
    def _with_variables(cls, given: dict[str, Any]) -> dict[str, Any]:
        """What was given, and for the rest the variables; an empty one is none."""
        variables = {name.upper(): value for name, value in os.environ.items() if value}
        names = {name: PREFIX + name.upper() for name in cls.model_fields}
        return {name: variables[variable] for name, variable in names.items() if variable in variables} | given

    @property
    def zone(self) -> tzinfo | None:
        """Of the times in results, and of those in arguments that name none; None: the system's."""
        return _zone(self.timezone) if self.timezone else None

    @property
    def shown_name(self) -> str:
        """Under which the phone lists this device."""
        if self.device_name:
            return self.device_name
        account = "" if self.account == DEFAULT_ACCOUNT else f" {self.account}"
        return f"whatsapp-mcp{account} on {socket.gethostname().partition('.')[0]}"[:50]

    @property
    def node_name(self) -> str:
        """Of this machine, for others that share the database."""
        return self.node or socket.gethostname().partition(".")[0]

    @property
    def account_dir(self) -> Path:
        """Everything of the account lies there."""
        return self.data_dir / self.account

    @property
    def session_db(self) -> Path:
        """neonize's own database: keys and Signal sessions of the linked device."""
        return self.account_dir / "session.db"

    @property
    def store_path(self) -> Path:
        """Our message store."""
        return self.account_dir / "messages.db"

    @property
    def store(self) -> Whereabouts:
        """Our message store: ``store_path``, or the account's schema where a database is named."""
        return self._schema or self.store_path

    @property
    def keys(self) -> Whereabouts:
        """neonize's database: ``session_db``, or the account's schema where a database is named."""
        return self._schema or self.session_db

    def _place(self, path: Path) -> Place:
        """Of a small text of the account."""
        return StoredDocument(self._schema, path.name) if self._schema is not None else path

    @property
    def policy_place(self) -> Place:
        """``policy_path``, or a document of the account's schema, as are the next two."""
        return self._place(self.policy_path)

    @property
    def webhooks_place(self) -> Place:
        return self._place(self.webhooks_path)

    @property
    def webhook_progress_place(self) -> Place:
        return self._place(self.webhook_progress_path)

    @property
    def tokens_place(self) -> Place:
        """``tokens_path``, or a document that all accounts share."""
        if self._schema is None:
            return self.tokens_path
        return StoredDocument(PostgresSchema(self._schema.url, SHARED_SCHEMA), self.tokens_path.name)

    @property
    def _schema(self) -> PostgresSchema | None:
        url = self.database.get_secret_value() if self.database else ""
        return PostgresSchema(url, schema_name(self.account)) if url else None

    @property
    def lock_path(self) -> Path:
        return self.account_dir / "lock"

    @property
    def ledger_path(self) -> Path:
        """What the session processes of the account did."""
        return self.account_dir / "session.json"

    @property
    def session_log(self) -> Path:
        """What the session process logs, beside what it tells the servers."""
        return self.account_dir / "session.log"

    @property
    def moving_dir(self) -> Path:
        """There only while the account is on its way to files or from them."""
        return self.account_dir / ".moving"

    @property
    def moved_mark(self) -> Path:
        """Says to where everything is copied and compared, so that the rest of the way can only be gone forwards."""
        return self.moving_dir / "copied"

    @property
    def qr_path(self) -> Path:
        """Picture of the QR code that is shown now; the session process writes and removes it."""
        return self.account_dir / QR_FILE_NAME

    @property
    def policy_path(self) -> Path:
        """What may be done with the account; written by its owner."""
        return self.account_dir / "policy.toml"

    @property
    def policy_book_path(self) -> Path:
        """What limits, approvals and standing answers have to remember."""
        return self.account_dir / "policy.db"

    @property
    def policy_book(self) -> Whereabouts:
        """The same, or the account's schema where a database is named."""
        return self._schema or self.policy_book_path

    @property
    def webhooks_path(self) -> Path:
        """Receivers of events that are no MCP clients; written by the account's owner."""
        return self.account_dir / "webhooks.json"

    @property
    def webhook_progress_path(self) -> Path:
        """How far each of them is."""
        return self.account_dir / "webhooks-progress.json"

    @property
    def audit_path(self) -> Path:
        """What was done with the account."""
        return self.account_dir / "audit.jsonl"

    @property
    def audit(self) -> Whereabouts:
        """``audit_path``, or the account's schema where a database is named."""
        return self._schema or self.audit_path

    @property
    def media_dir(self) -> Path:
        """Received media, if no bucket is named, and private copies of what is being sent or fetched."""
        return self.account_dir / "media"

    @property
    def received_media(self) -> Path | BucketPrefix:
        """Received media: ``media_dir``, or the account's prefix where a bucket is named."""
        return prefix_of(self.media, self.account) if self.media else self.media_dir

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.allowed_host.split(",") if name.strip())

    @property
    def outbox_folders(self) -> tuple[Path, ...]:
        return tuple(_expanded(entry) for entry in self.outbox.split(os.pathsep) if entry.strip())

    @property
    def approve_page_path(self) -> Path:
        """Where the owner's page of the HTTP transport is, and the key that opens it once."""
        return self.data_dir / "http-approve"

    @property
    def token_path(self) -> Path:
        """Bearer token ``default`` of the HTTP transport."""
        return self.data_dir / "http-token"

    @property
    def tokens_path(self) -> Path:
        """What the other bearer tokens were given; the tokens themselves are nowhere."""
        return self.data_dir / "http-tokens.json"
