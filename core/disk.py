"""Whether something failed because a disk has no room left."""

from __future__ import annotations

import errno

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SIGNS = (
    "No space left",
    "could not extend file",
    "File too large",
    "quota exceeded",
    "max_temp_directory_size",
)


def is_disk_full(error: BaseException) -> bool:
    """Whether the error, or one that it came from, says that there is no room: ours, a library's or PostgreSQL's.

    A library may keep no number of the error, and PostgreSQL's come under several classes; their words are then all there is.
    """
    found: BaseException | None = error
    while found is not None:
        text = str(found)
        if getattr(found, "errno", None) in _NO_ROOM or any(sign in text for sign in _SIGNS):
            return True
        found = found.__cause__
    return False
