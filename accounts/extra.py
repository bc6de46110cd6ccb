"""What an extract says beyond the format (columns that begin with x_): nobody knows what it is, so it is kept sealed."""

from __future__ import annotations

import json
from typing import Any

from core import keys

PURPOSE = "extra"


def extra_seal(values: dict[str, Any]) -> str:
    """The JSON text that a row keeps: the values in one sealed form; equal values give equal text."""
    text = json.dumps(values, default=str, ensure_ascii=False, sort_keys=True)
    return json.dumps({"sealed": keys.texts_seal([text], purpose=PURPOSE)[0]})


def extra_open(kept: dict[str, str] | None) -> dict[str, Any]:
    """The values that a row keeps sealed."""
    if not kept:
        return {}
    opened: dict[str, Any] = json.loads(keys.text_unseal(kept["sealed"], purpose=PURPOSE))
    return opened
