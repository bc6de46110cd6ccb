"""Equal content: requests, system prompts, tool sets and parameters with the same fingerprint.

Rarity does the weighing: a popular template has many holders that share nothing else, so it is a hub and weighs
nothing, while a template of one operator ties its accounts together. Near-equal content is not looked at.
"""

from __future__ import annotations

from investigations.linkage.signals.protocol import ColumnSignal

CONTENT = ColumnSignal(
    "content",
    (
        ("content_fingerprint", "content"),
        ("system_fingerprint", "system"),
        ("tools_fingerprint", "tools"),
        ("parameters_fingerprint", "parameters"),
    ),
)
