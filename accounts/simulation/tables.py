"""From arrays to the extract's tables: opaque text for numbers, times with their zone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from accounts.simulation import catalog as cat
from accounts.simulation.addresses import address_text
from accounts.simulation.contacts import company_domain, mail_text, phone_text
from accounts.simulation.toolkit import Array, hex16, mix64, salt_of, with_prefix
from accounts.simulation.usage import Exchanges, Sessions
from accounts.simulation.world import World

TIME = pa.timestamp("us", tz="UTC")
_IDENTIFIERS = {
    "referral": "referral_code",
    "host": "callback_host",
    "recovery": "email",
    "cookie": "cookie_id",
}


class Tables:
    """Makes the tables of one world, some accounts at a time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._v4, self._v6, self._asn = world.addresses.columns()
        self._n_sessions = 0
        self._n_exchanges = 0

    def accounts(self, rows: Array) -> pa.Table:
        """A row per account, in the order given."""
        plan = self.world.plan
        suffix = mix64(rows, self._salt("signup suffix"))
        changed = plan.status_at[rows]
        return pa.table(
            {
                "account_id": self._account_ids(rows),
                "created_at": _times(plan.created_at[rows]),
                "status": _choice(cat.STATUSES, plan.status[rows]),
                "status_changed_at": _times(changed, changed < 0),
                "email": mail_text(
                    plan.mail[rows], plan.mail_domain[rows], plan.mail_style[rows], plan.mail_variant[rows]
                ),
                "phone": phone_text(plan.phone[rows], plan.country[rows]),
                "payment_fingerprint": self._opaque("payment", plan.payment[rows]),
                "organization_id": self._opaque("organization", plan.organization[rows]),
                "country": _choice([country.code for country in cat.COUNTRIES], plan.country[rows]),
                "plan": _choice(cat.PLANS, plan.plan[rows]),
                "entry_path": _choice(cat.ENTRY_PATHS, plan.entry[rows]),
                "signup_ip": self._addresses(plan.signup_address[rows], suffix),
                "signup_user_agent": _choice(cat.USER_AGENTS, plan.agent[rows]),
                "referrer": _choice([name or None for name in cat.REFERRERS], plan.referrer[rows]),
            }
        )

    def identifiers(self, rows: Array) -> pa.Table:
        """Other values that accounts can share, by kind."""
        plan, parts = self.world.plan, []
        for column, kind in _IDENTIFIERS.items():
            having = rows[getattr(plan, column)[rows] >= 0]
            values = getattr(plan, column)[having]
            text = self._opaque(kind, values)
            if kind == "email":
                plain = np.zeros(len(values), dtype=np.int32)
                text = mail_text(values, plain, plain, plain)
            elif kind == "callback_host":
                text = pa.array([f"hooks.{company_domain(value)}" for value in values.tolist()], pa.string())
            parts.append(
                pa.table(
                    {
                        "account_id": self._account_ids(having),
                        "kind": pa.repeat(kind, len(having)),
                        "value": text,
                        "first_seen": _times(plan.created_at[having]),
                        "last_seen": _times(np.maximum(plan.created_at[having], plan.active_until[having])),
                        "count": pa.array(1 + mix64(having, 5) % np.uint64(9), pa.int64()),
                    }
                )
            )
        return pa.concat_tables(parts)

    def truth(self, rows: Array) -> pa.Table:
        """What is known of the rows that are an operator's or of an honest crowd; others are left out."""
        world = self.world
        rows = rows[(world.owner[rows] >= 0) | (world.crowd[rows] > 0)]
        owner = world.owner[rows]
        owned = owner >= 0
        kinds = np.array([operator.kind for operator in world.operators] + [""], dtype=object)[owner]
        levels = [operator.level or None for operator in world.operators] + [None]
        abusive = np.array([operator.abusive for operator in world.operators] + [False])[owner]
        crowds = np.array(world.crowds, dtype=object)[world.crowd[rows]]
        numbers = mix64(owner, self._salt("operator"))
        return pa.table(
            {
                "account_id": self._account_ids(rows),
                "operator_id": with_prefix("op-", hex16(numbers, ~owned)),
                "kind": pa.array(np.where(owned, kinds, crowds), pa.string()),
                "abusive": pa.array(abusive),
                "since": _times(world.since[rows], world.since[rows] < 0),
                "until": _times(world.until[rows], world.until[rows] < 0),
                "x_evasion": pa.array([levels[number] for number in owner], pa.string()),
            }
        )

    def sessions(self, sessions: Sessions, exchanges: Exchanges) -> tuple[pa.Table, pa.Array]:
        """The sessions with counts and ends from their exchanges, and their ids; exchanges are sorted by session."""
        n = len(sessions.actor)
        counts = np.bincount(exchanges.session, minlength=n)
        last = np.cumsum(counts) - 1
        ids = hex16(mix64(np.arange(self._n_sessions, self._n_sessions + n), self._salt("session")))
        self._n_sessions += n
        table = pa.table(
            {
                "session_id": ids,
                "account_id": self._account_ids(self.world.plan.account[sessions.actor]),
                "started_at": _times(sessions.start),
                "ended_at": _times(exchanges.at[last]),
                "ip": self._addresses(sessions.address, sessions.suffix),
                "asn": pa.array(self._asn[sessions.address], pa.int64()),
                "device_id": self._opaque("device", sessions.device),
                "tls_fingerprint": _choice(cat.TLS_STACKS, sessions.tls),
                "user_agent": _choice(cat.USER_AGENTS, sessions.agent),
                "request_count": pa.array(counts, pa.int64()),
                "input_tokens": pa.array(_sums(exchanges.input_tokens, exchanges.session, n), pa.int64()),
                "output_tokens": pa.array(_sums(exchanges.output_tokens, exchanges.session, n), pa.int64()),
            }
        )
        return table, ids

    def exchanges(self, sessions: Sessions, session_ids: pa.Array, exchanges: Exchanges) -> pa.Table:
        """The exchanges, sorted by account, session and time."""
        n = len(exchanges.at)
        ids = hex16(mix64(np.arange(self._n_exchanges, self._n_exchanges + n), self._salt("exchange")))
        self._n_exchanges += n
        actor = sessions.actor[exchanges.session]
        return pa.table(
            {
                "account_id": self._account_ids(self.world.plan.account[actor]),
                "occurred_at": _times(exchanges.at),
                "exchange_id": ids,
                "session_id": session_ids.take(pa.array(exchanges.session)),
                "api_key_id": self._opaque("api_key", np.where(exchanges.surface == 1, -1, actor)),
                "surface": _choice(cat.SURFACES, exchanges.surface),
                "model": _choice(cat.MODELS, exchanges.model),
                "status": _choice(cat.OUTCOMES, exchanges.status),
                "fingerprint_type": _choice(("simhash64",), np.zeros(n)),
                "content_fingerprint": hex16(exchanges.content),
                "system_fingerprint": self._opaque("template", exchanges.system),
                "tools_fingerprint": self._opaque("template", exchanges.tools),
                "parameters_fingerprint": self._opaque("template", exchanges.parameters),
                "output_fingerprint": hex16(exchanges.output, exchanges.output == 0),
                "prefix_fingerprint": hex16(exchanges.prefix, exchanges.prefix == 0),
                "end_user_id": hex16(exchanges.end_user, exchanges.end_user == 0),
                "input_tokens": pa.array(exchanges.input_tokens, pa.int64()),
                "output_tokens": pa.array(exchanges.output_tokens, pa.int64()),
            }
        )

    def _account_ids(self, rows: Array) -> pa.Array:
        return with_prefix("user-", hex16(mix64(rows, self._salt("account"))))

    def _opaque(self, kind: str, values: Array) -> pa.StringArray:
        return hex16(mix64(values, self._salt(kind)), values < 0)

    def _addresses(self, numbers: Array, suffix: Array) -> pa.Array:
        return address_text(self._v4[numbers], self._v6[numbers], suffix)

    def _salt(self, name: str) -> int:
        return salt_of(self.world.settings.seed, name)


def _times(values: Array, missing: Array | None = None) -> pa.Array:
    return pa.array(values, TIME, mask=missing)


def _choice(names: Any, codes: Array) -> pa.Array:
    return pa.array(list(names), pa.string()).take(pa.array(codes.astype(np.int32)))


def _sums(values: Array, groups: Array, n: int) -> Array:
    return np.bincount(groups, weights=values, minlength=n).astype(np.int64)
