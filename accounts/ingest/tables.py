"""The extract format: what each table's columns are called, what they hold and which of them make its natural key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

BIGINT = 9_223_372_036_854_775_807
INT32 = 2_147_483_647


class Type(StrEnum):
    """What a column holds."""

    TEXT = "text"
    TIME = "time"
    INTEGER = "integer"
    FLAG = "flag"
    CHOICE = "choice"


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    type: Type = Type.TEXT
    required: bool = False
    choices: tuple[str, ...] = ()
    high: int = INT32
    max_length: int = 1024
    kind: str = ""
    """The identifier kind that its values are; empty when they are none."""


@dataclass(frozen=True)
class Table:
    """One table of the extract format."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """Columns of the natural key: the same key twice in a file with other content is refused."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    def column(self, name: str) -> Column:
        """The column with this name; KeyError when the table has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def _text(name: str, *, required: bool = False, kind: str = "", max_length: int = 1024) -> Column:
    return Column(name, required=required, kind=kind, max_length=max_length)


def _time(name: str, *, required: bool = False) -> Column:
    return Column(name, Type.TIME, required=required)


def _integer(name: str, high: int = INT32) -> Column:
    return Column(name, Type.INTEGER, high=high)


def _choice(name: str, *choices: str) -> Column:
    return Column(name, Type.CHOICE, choices=choices)


_ACCOUNT = _text("account_id", required=True, max_length=200)

ACCOUNTS = Table(
    "accounts",
    (
        _ACCOUNT,
        _time("created_at", required=True),
        _choice("status", "active", "suspended", "banned", "closed"),
        _time("status_changed_at"),
        _text("email", kind="email"),
        _text("phone", kind="phone"),
        _text("payment_fingerprint", kind="payment_fingerprint"),
        _text("organization_id", kind="organization", max_length=200),
        _text("country", max_length=2),
        _text("plan", max_length=60),
        _text("entry_path", max_length=60),
        _text("signup_ip", kind="ip"),
        _text("signup_user_agent", kind="user_agent"),
        _text("referrer", kind="referrer"),
    ),
    key=("account_id",),
)
SESSIONS = Table(
    "sessions",
    (
        _text("session_id", required=True, max_length=200),
        _ACCOUNT,
        _time("started_at", required=True),
        _time("ended_at"),
        _text("ip", kind="ip"),
        _text("asn", kind="asn"),
        _text("device_id", kind="device_id"),
        _text("tls_fingerprint", kind="tls_fingerprint"),
        _text("user_agent", kind="user_agent"),
        _integer("request_count"),
        _integer("input_tokens", BIGINT),
        _integer("output_tokens", BIGINT),
    ),
    key=("session_id",),
)
EXCHANGES = Table(
    "exchanges",
    (
        _ACCOUNT,
        _time("occurred_at", required=True),
        _text("exchange_id", max_length=200),
        _text("session_id", max_length=200),
        _text("api_key_id", max_length=200),
        _choice("surface", "api", "web", "cloud"),
        _text("model", max_length=100),
        _choice("status", "ok", "rate_limited", "refused", "error"),
        _choice("fingerprint_type", "opaque", "simhash64"),
        _text("content_fingerprint"),
        _text("content", max_length=16_777_216),
        _text("system_fingerprint"),
        _text("tools_fingerprint"),
        _text("parameters_fingerprint"),
        _text("output_fingerprint"),
        _text("prefix_fingerprint"),
        _text("end_user_id"),
        _integer("input_tokens"),
        _integer("output_tokens"),
    ),
    key=("exchange_id",),
)
IDENTIFIERS = Table(
    "identifiers",
    (
        _ACCOUNT,
        _text("kind", required=True, max_length=40),
        _text("value", required=True),
        _time("first_seen"),
        _time("last_seen"),
        _integer("count"),
    ),
    key=("account_id", "kind", "value", "first_seen"),
)
TRUTH = Table(
    "truth",
    (
        _ACCOUNT,
        _text("operator_id", max_length=100),
        _text("kind", max_length=40),
        Column("abusive", Type.FLAG),
        _time("since"),
        _time("until"),
    ),
    key=("account_id", "operator_id", "since"),
)
TABLES: dict[str, Table] = {t.name: t for t in (ACCOUNTS, SESSIONS, IDENTIFIERS, EXCHANGES, TRUTH)}
"""Tables by name, in the order in which a folder's files are loaded: accounts first, so that little has to wait."""

SUFFIXES = (".csv.gz", ".csv", ".parquet")
_PART = re.compile(r"(?P<table>[a-z]+)(?:[-_.](?:part[-_.]?)?\d+)?")


def file_stem(name: str) -> str | None:
    """The file's name without a suffix that ingest reads; None when it reads no such files."""
    lower = name.lower()
    for suffix in SUFFIXES:
        if lower.endswith(suffix):
            return name[: -len(suffix)]
    return None


def table_of_stem(stem: str) -> Table | None:
    """The table that a stem names: `sessions`, or `sessions-0003` for one of several parts."""
    found = _PART.fullmatch(stem.lower())
    return TABLES.get(found["table"]) if found else None
