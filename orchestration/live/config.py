"""What `fetch` of a system in company.yml says: declared once, strict, its secrets by name only."""

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from orchestration.live.secrets import NAMED, named_in

SECRETIVE = re.compile(r"(?i)auth|token|secret|passw|key")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
FOLDER = re.compile(r"\w[\w.-]*")
HOST_KEY = re.compile(r"^(?:\S+ )?((?:ssh|ecdsa|sk)-\S+) ([A-Za-z0-9+/]+=*)(?: .*)?$")
# TLS or none: not whatever the other side, or who stands between, prefers.
CHOICES = {
    "sslmode": ("disable", "require", "verify-ca", "verify-full"),
    "ssl_disabled": ("true", "false"),
}
Policy = Literal["required", "optional"]


def host_of(url: str) -> str:
    found = urlsplit(url).netloc.rpartition("@")[2]
    return re.sub(r":\d*$", "", found).strip("[]")


def _secret(value: Any) -> Any:
    if not isinstance(value, str) or not NAMED.fullmatch(value):
        raise ValueError("a secret stands in the environment: write ${NAME_OF_ITS_VARIABLE} here")
    return value


Secret = Annotated[str, BeforeValidator(_secret)]


class Part(BaseModel):
    """A part of `fetch`; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Folder(Part):
    """What is fetched into one folder of landing/<system>/."""

    policy: Policy | None = Field(None, description="Of this folder, where it is another one.")


class Rows(Folder):
    """Rows, asked for from where the last night stopped."""

    cursor: str | None = Field(
        None,
        min_length=1,
        description="Column that grows as rows come or change; without one all is fetched.",
    )
    overlap: int | None = Field(
        None,
        ge=0,
        description=(
            "How far before the last cursor it is read again, in seconds, or of a number that"
            " much: for rows that were committed late."
        ),
    )


class Table(Rows):
    """A table or a query of a database."""

    table: str | None = Field(None, min_length=1, description="A table: orders, or sales.orders.")
    query: str | None = Field(None, min_length=1, description="A SELECT, in place of a table.")

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Table":
        if (self.table is None) == (self.query is None):
            raise ValueError("give either `table` or `query`")
        return self


# What each way of paging and of saying who asks is told, by the names of dlt's rest_api source.
PAGING: dict[str, tuple[str, ...]] = {
    "single_page": (),
    "page_number": ("base_page", "page_param", "total_path", "maximum_page", "has_more_path"),
    "offset": ("limit", "limit_param", "offset_param", "total_path", "has_more_path"),
    "json_link": ("next_url_path",),
    "header_link": ("links_next_key",),
    "cursor": ("cursor_path", "cursor_param", "has_more_path"),
    "header_cursor": ("cursor_key", "cursor_param"),
}
ASKING: dict[str, tuple[str, ...]] = {
    "bearer": ("token",),
    "api_key": ("name", "api_key", "location"),
    "http_basic": ("username", "password"),
    "oauth2_client_credentials": ("access_token_url", "client_id", "client_secret"),
}
LOCATIONS = ("header", "query")  # of an api_key
OPEN = ("name", "location", "username", "access_token_url", "client_id")  # no secrets


def _one_of(value: Any, ways: dict[str, tuple[str, ...]]) -> Any:
    """A mapping with a `type` and what belongs to it; a text is the type alone."""
    value = {"type": value} if isinstance(value, str) else value
    if not isinstance(value, dict) or value.get("type") not in ways:
        raise ValueError(f"needs `type`, one of {', '.join(ways)}")
    keys = ways[value["type"]]
    if strange := [key for key in value if key not in ("type", *keys)]:
        raise ValueError(f"unknown key `{strange[0]}`; known are {', '.join(keys) or 'none'}")
    return value


def _paginator(value: Any) -> Any:
    return _one_of(value, PAGING)


def _auth(value: Any) -> Any:
    value = _one_of(value, ASKING)
    for key in ASKING[value["type"]]:
        if key in value or key not in ("name", "location"):
            if key not in value:
                raise ValueError(f"needs `{key}`")
            if key not in OPEN:
                _secret(value[key])
    if value.get("location", LOCATIONS[0]) not in LOCATIONS:
        raise ValueError(f"`location` is one of {', '.join(LOCATIONS)}")
    return value


Paginator = Annotated[dict[str, Any], BeforeValidator(_paginator)]


class Resource(Rows):
    """A resource of an HTTP API that answers in JSON."""

    path: str = Field(description="Below `url`.")
    params: dict[str, str | int] = Field({}, description="Parameters of the request.")
    data: str | None = Field(None, description="JSON path of the rows in an answer.")
    cursor_param: str | None = Field(None, description="Parameter that takes the last cursor.")
    paginator: Paginator | None = Field(None, description="Where its pagination is another.")

    @model_validator(mode="after")
    def _asks_by_cursor(self) -> "Resource":
        if bool(self.cursor_param) != bool(self.cursor):
            raise ValueError(
                "`cursor`, a field of the rows, and `cursor_param`, the parameter that takes its"
                " last value, need each other"
            )
        return self


class Files(Folder):
    """Files of a drop folder, which arrive as they are."""

    path: str = Field(description="Pattern of their paths below `url`.")

    @field_validator("path")
    @classmethod
    def _stays_below(cls, value: str) -> str:
        if value.startswith("/") or ".." in PurePosixPath(value).parts:
            raise ValueError("write it from the folder of `url` on, without a leading / or ..")
        return value


F = TypeVar("F", bound=Folder)


class Place(Part):
    """An address, and how often it is tried to be reached."""

    kind: ClassVar[str] = ""
    schemes: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar[tuple[str, ...]] = ()  # modules of the extra that it needs
    parameters: ClassVar[tuple[str, ...]] = ()  # what may stand behind the ? of its address
    certificates: ClassVar[tuple[str, ...]] = ()  # those that name files: authority, own, key

    url: str = Field(description="Its address; secrets in it as ${NAME}, from the environment.")
    attempts: int = Field(3, ge=1, le=10, description="How often it is tried in a night.")
    wait_seconds: float = Field(
        2, ge=0, le=60, description="Before the second attempt; doubled for each one after."
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError as error:
            raise ValueError(f"no address: {error}") from None
        if not parts.hostname:
            raise ValueError("no address: it lacks the host")
        if parts.password is not None:
            _secret(parts.password)
        for name, given in parse_qsl(parts.query, keep_blank_values=True):
            if name not in cls.parameters:
                known = ", ".join(cls.parameters) or "none"
                raise ValueError(f"unknown parameter `{name}`; known are {known}")
            if name in CHOICES and given not in CHOICES[name]:
                raise ValueError(f"`{name}` is one of {', '.join(CHOICES[name])}")
        return value

    @property
    def host(self) -> str:
        """The host (or bucket) as it is written, which may be a variable's name."""
        return host_of(self.url)

    @property
    def place(self) -> str:
        """The address as it may be shown: without user, password and parameters."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def secrets(self) -> list[str]:
        """The variables of the environment that it names."""
        return sorted(named_in(self.model_dump()))


class Source(Place, Generic[F]):
    """Where the rows or files of a system are fetched from."""

    policy: Policy = Field(
        "required",
        description="`required`: nothing is published without it; `optional`: that is a warning.",
    )
    folders: dict[str, F] = Field(
        min_length=1,
        description="What goes into which folder below landing/<system>/: a feed, or what the"
        " system's mapping matches.",
    )

    @field_validator("folders")
    @classmethod
    def _are_folders(cls, value: dict[str, F]) -> dict[str, F]:
        for name in value:
            if not FOLDER.fullmatch(name):
                raise ValueError(f"`{name}`: a folder's name is of letters, digits, ., - and _")
        return value

    def is_required(self, folder: str) -> bool:
        return (self.folders[folder].policy or self.policy) == "required"


class Postgres(Source[Table]):
    """A PostgreSQL database."""

    kind = "postgres"
    schemes = ("postgresql", "postgres")
    packages = ("psycopg",)
    certificates = ("sslrootcert", "sslcert", "sslkey")
    parameters = ("sslmode", *certificates)


class MySql(Source[Table]):
    """A MySQL or MariaDB database."""

    kind = "mysql"
    schemes = ("mysql", "mariadb")
    packages = ("pymysql",)
    certificates = ("ssl_ca", "ssl_cert", "ssl_key")
    parameters = (*certificates, "ssl_disabled")


class Api(Source[Resource]):
    """An HTTP API that answers in JSON."""

    kind = "rest"
    schemes = ("https", "http")
    packages = ("dlt",)

    auth: Annotated[dict[str, Any], BeforeValidator(_auth)] | None = Field(
        None, description="Authentication: `type` and what belongs to it."
    )
    headers: dict[str, str] = Field({}, description="Sent with every request.")
    paginator: Paginator = Field(description="Pagination: `type` and what belongs to it.")
    requests_per_second: float | None = Field(
        None, gt=0, description="No more than so many; that an answer says wait is obeyed anyway."
    )

    @field_validator("headers")
    @classmethod
    def _hold_no_secrets(cls, value: dict[str, str]) -> dict[str, str]:
        for name, held in value.items():
            if SECRETIVE.search(name) and not NAMED.search(held):
                raise ValueError(f"`{name}` looks like a secret: write ${{NAME_OF_ITS_VARIABLE}}")
        return value

    @model_validator(mode="after")
    def _is_safe(self) -> "Api":
        of_tokens = (self.auth or {}).get("access_token_url", self.url)
        for url in (self.url, of_tokens):
            is_safe = url.startswith("https://") or host_of(url) in LOOPBACK
            if self.secrets and not is_safe:
                raise ValueError("secrets go over https:// only")
        return self


class Bucket(Source[Files]):
    """A bucket of an S3-compatible store: s3://bucket/folder."""

    kind = "s3"
    schemes = ("s3",)
    packages = ("boto3",)

    endpoint: str | None = Field(None, description="Address of the store, where it is not AWS.")
    region: str = Field("us-east-1", description="Region of the bucket.")
    key_id: Secret | None = Field(
        None, description="Access key; without one, what this machine is allowed to."
    )
    secret_key: Secret | None = Field(None, description="The secret that belongs to it.")

    @model_validator(mode="after")
    def _has_both(self) -> "Bucket":
        if bool(self.key_id) != bool(self.secret_key):
            raise ValueError("`key_id` and `secret_key` need each other")
        return self


class Sftp(Source[Files]):
    """A folder of an SFTP server: sftp://user@host/folder."""

    kind = "sftp"
    schemes = ("sftp",)
    packages = ("paramiko",)

    host_key: str | None = Field(
        None,
        pattern=HOST_KEY.pattern,
        description="Public key of the server (ssh-ed25519 AAAA…); else known_hosts has it.",
    )
    key_file: str | None = Field(None, description="Path of the private key that opens it.")
    key_password: Secret | None = Field(None, description="Of that key.")

    @model_validator(mode="after")
    def _says_who_asks(self) -> "Sftp":
        if not self.key_file and urlsplit(self.url).password is None:
            raise ValueError("needs a password in `url` (user:${ITS_VARIABLE}@host), or `key_file`")
        return self


KINDS: tuple[type[Source], ...] = (Postgres, MySql, Api, Bucket, Sftp)


def _kind(value: Any) -> str | None:
    url = value.get("url") if isinstance(value, dict) else getattr(value, "url", None)
    scheme = str(url).partition("://")[0].lower()
    return next((kind.kind for kind in KINDS if scheme in kind.schemes), None)


SCHEMES = [f"{scheme}://" for kind in KINDS for scheme in kind.schemes]
Fetch = Annotated[
    Annotated[Postgres, Tag("postgres")]
    | Annotated[MySql, Tag("mysql")]
    | Annotated[Api, Tag("rest")]
    | Annotated[Bucket, Tag("s3")]
    | Annotated[Sftp, Tag("sftp")],
    Discriminator(
        _kind,
        custom_error_type="unknown_scheme",
        custom_error_message=f"needs `url`, which begins with one of {', '.join(SCHEMES)}",
    ),
]


def keys_at(where: tuple[str, ...]) -> list[str]:
    """The keys that are known at a place below `fetch`, which begins with the kind of source."""
    source = next(kind for kind in KINDS if kind.kind == where[0])
    part: Any = source
    if where[1:2] == ("folders",) and len(where) > 3:
        part = source.model_fields["folders"].annotation.__args__[1]
    elif len(where) > 2:
        part = source.model_fields[where[1]].annotation
    return list(part.model_fields)


def place_of(where: tuple[str, ...]) -> tuple[str, ...]:
    """Where a key stands in company.yml: without the kind of source, which pydantic puts in."""
    kinds = {kind.kind for kind in KINDS}
    below = where[2:3] == ("fetch",) and where[3:4] and where[3] in kinds
    return (*where[:3], *where[4:]) if below else where
