"""Who signs up soon after another account was banned, weighed against strangers who do the same work.

Who loses an account opens the next one within hours, and on a busy platform somebody signs up every minute. So neither
is assumed. How soon is counted in sign-ups, which neither growth nor busy hours change; and EM on the candidate pairs of
which one was banned learns how often matches and strangers follow so soon. See docs/theory/signals.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from investigations.linkage import types
from investigations.linkage.gather import Gathered, Ints, SmallInts, column_ints
from investigations.linkage.kernels import NO_TIME
from investigations.linkage.learn import MOST_PAIRS, held_back
from investigations.linkage.levels import LEVELS, level_bits, level_of
from investigations.linkage.pairwise import Part
from investigations.linkage.score import Scorer, weighed_pairs
from investigations.linkage.settings import Settings
from investigations.linkage.units import DAY, MILLION

KIND, FAMILY = "ban_handoff", "timing"
ENDED = pa.array(["banned", "suspended"])
"""Statuses by which the platform takes an account away."""
WITHIN = 2 * DAY
"""A sign-up that comes later after a ban follows nothing."""
MOST_BITS = 8.0
LEAST_BITS = 2.0
"""Pairs with less are no rows."""
NO_BAN, NOT_SOON = -1, 1 << 40
"""Neither was banned, or the other's sign-up is unknown; the other did not sign up soon after a ban."""


def banned_at(inputs: types.Inputs, gathered: Gathered) -> Ints:
    """By unit when the platform took it away: the last of its accounts; NO_TIME when it has one left."""
    ended = np.asarray(pc.is_in(inputs.accounts["status"].cast(pa.string()), value_set=ENDED).to_numpy(), bool)
    at = np.where(ended, column_ints(inputs.accounts, "status_changed_at"), NO_TIME)
    unit = gathered.unit_of[np.searchsorted(gathered.accounts, column_ints(inputs.accounts, "account"))]
    last = np.full(gathered.n_units, NO_TIME, np.int64)
    np.maximum.at(last, unit, at)
    last[unit[at == NO_TIME]] = NO_TIME
    return last


def ban_gaps(created: Ints, banned: Ints, pairs: Ints) -> Ints:
    """How many sign-ups there are from a ban of one of each pair to the other's sign-up, this one counted; of both ways
    round the fewer. NOT_SOON or NO_BAN where there is no such number."""
    known = np.sort(created[created != NO_TIME])
    begun, ended = ((at, np.searchsorted(known, at, side="right")) for at in (created, banned))
    a, b = pairs >> 32, pairs & 0xFFFFFFFF
    one, two = _after(ended, a, begun, b), _after(ended, b, begun, a)
    return np.where(one == NO_BAN, two, np.where(two == NO_BAN, one, np.minimum(one, two)))


def ban_millibits(gaps: Ints, over: SmallInts, pairs: Ints, scorer: Scorer, settings: Settings) -> Ints:
    """By level what signing up so soon after a ban counts, from the pairs' millibits over the line by everything else.
    Not coming soon counts nothing, and nothing counts when settings leave the kind out."""
    if KIND in settings.ignore_kinds:
        return np.zeros(LEVELS, np.int64)
    odds = over / 1000 + settings.threshold_bits
    match = 1 / (1 + 2.0 ** -np.clip(odds, -60, 60))
    divisor = held_back(pairs >> 32, pairs & 0xFFFFFFFF, match, scorer.gathered.n_units)
    asked = np.flatnonzero(gaps != NO_BAN)
    asked = asked[:: max(-(-asked.size // MOST_PAIRS), 1)]
    asked = asked[same_work(pairs[asked], scorer)]
    bits = level_bits(_level(gaps[asked]), odds[asked], 1 / divisor[asked])
    return np.rint(1000 * np.clip(bits, 0, MOST_BITS)).astype(np.int64)


def ban_part(created: Ints, banned: Ints, pairs: Ints, millibits: Ints, scorer: Scorer) -> Part:
    """The rows (pairwise.py) on these pairs, ascending."""
    gaps = ban_gaps(created, banned, pairs)
    bits = np.where((gaps == NO_BAN) | (gaps == NOT_SOON), 0, millibits[_level(gaps)])
    kept = np.flatnonzero(bits >= 1000 * LEAST_BITS)
    kept = kept[same_work(pairs[kept], scorer)]
    n_known = max(int((created != NO_TIME).sum()), 1)
    by_chance = np.rint(gaps[kept] * MILLION / n_known).astype(np.int64)
    return KIND, pairs[kept], bits[kept], np.ones(kept.size, np.int64), by_chance


def same_work(pairs: Ints, scorer: Scorer) -> npt.NDArray[np.bool_]:
    """Which pairs have evidence of content. What abusers as such have in common, who are new, are banned and rent the
    same networks, says nothing of whose they are."""
    _, families = weighed_pairs(scorer, pairs)
    return np.asarray(families >> types.FAMILIES.index("content") & 1 == 1)


def _after(ended: tuple[Ints, Ints], one: Ints, begun: tuple[Ints, Ints], other: Ints) -> Ints:
    """Sign-ups from the ban of each unit of `one` to the sign-up of that of `other`; moments by unit, with their ranks."""
    ban, start = ended[0][one], begun[0][other]
    count = begun[1][other] - ended[1][one]
    soon = np.where((start > ban) & (start <= ban + WITHIN), count, NOT_SOON)
    return np.where((ban == NO_TIME) | (start == NO_TIME), NO_BAN, soon).astype(np.int64)


def _level(gaps: Ints) -> Ints:
    """The power of two of each gap; what was not soon is as far as can be."""
    return np.where(gaps == NOT_SOON, LEVELS - 1, np.minimum(level_of(gaps), LEVELS - 2))
