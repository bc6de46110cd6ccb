"""The model file: every figure that turned shared values into bits, with a digest of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from investigations.linkage import types
from investigations.linkage.calibration import calibration_model
from investigations.linkage.gather import Gathered
from investigations.linkage.hubs import Hubs
from investigations.linkage.lanes import lanes_of
from investigations.linkage.learn import Weights, weights_from_dict
from investigations.linkage.runs import ENGINE_VERSION
from investigations.linkage.score import line_millibits
from investigations.linkage.settings import Settings


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def digest_of(value: Any) -> str:
    """sha256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def model_from(gathered: Gathered, hubs: Hubs, weights: Weights, settings: Settings) -> dict[str, Any]:
    """The model of a run; "digest" covers everything else in it."""
    model: dict[str, Any] = {
        "engine": ENGINE_VERSION,
        "settings": settings.to_dict(),
        "units": gathered.n_units,
        "prior_millibits": weights.prior,
        "threshold_millibits": round(1000 * settings.threshold_bits),
        "line_millibits": line_millibits(weights, settings),
        "kinds": [_kind(gathered, hubs, code) for code in range(len(gathered.kinds))],
        "weights": weights.to_dict(gathered.kinds, lanes_of(gathered.kinds, gathered.kind_family, settings)),
        "hubs": int(hubs.is_hub.sum()),
        "hubs_digest": _hubs_digest(gathered, hubs),
        "calibration": calibration_model(),
        "calibrated": False,
    }
    return {**model, "digest": digest_of(model)}


def model_weights(model: Mapping[str, Any], settings: Settings) -> Weights:
    """The weights that a model file holds."""
    kinds = tuple(kind["kind"] for kind in model["kinds"])
    families = np.array([types.FAMILIES.index(kind["family"]) for kind in model["kinds"]], np.int8)
    lanes = lanes_of(kinds, families, settings)
    return weights_from_dict(model["weights"], kinds, lanes, model["prior_millibits"])


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
