"""The model file: every figure that turned shared values into bits, with a digest of its own."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from investigations.linkage import types
from investigations.linkage.gather import Gathered
from investigations.linkage.hubs import Hubs
from investigations.linkage.score import line_millibits, prior_millibits
from investigations.linkage.settings import Settings

ENGINE_VERSION = "3"
"""Rises when the same input and settings would give other bytes."""


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def digest_of(value: Any) -> str:
    """sha256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def model_from(gathered: Gathered, hubs: Hubs, settings: Settings) -> dict[str, Any]:
    """The model of a run; "digest" covers everything else in it."""
    model: dict[str, Any] = {
        "engine": ENGINE_VERSION,
        "settings": settings.to_dict(),
        "units": gathered.n_units,
        "prior_millibits": prior_millibits(gathered.n_units, settings),
        "threshold_millibits": round(1000 * settings.threshold_bits),
        "line_millibits": line_millibits(gathered.n_units, settings),
        "kinds": [_kind(gathered, hubs, code) for code in range(len(gathered.kinds))],
        "hubs": int(hubs.is_hub.sum()),
        "hubs_digest": _hubs_digest(gathered, hubs),
        "calibrated": False,
    }
    return {**model, "digest": digest_of(model)}


def _kind(gathered: Gathered, hubs: Hubs, code: int) -> dict[str, Any]:
    """What one kind of value looked like: how many are shared, by how many, how many are hubs."""
    mine = gathered.value_kind == code
    return {
        "kind": gathered.kinds[code],
        "family": types.FAMILIES[gathered.kind_family[code]],
        "shared_values": int(mine.sum()),
        "hubs": int((mine & hubs.is_hub).sum()),
        "most_holders": int(gathered.value_holders[mine].max(initial=0)),
    }


def _hubs_digest(gathered: Gathered, hubs: Hubs) -> str:
    """sha256 over kind and number of every hub, in order."""
    digest = hashlib.sha256()
    for value in np.flatnonzero(hubs.is_hub):
        kind = gathered.kinds[gathered.value_kind[value]]
        digest.update(f"{kind}:{gathered.value_number[value]}\n".encode())
    return digest.hexdigest()
