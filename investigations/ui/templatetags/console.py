"""Filters that turn values into words and figures: formatting only, no decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.kinds import FAMILIES
from investigations.charts import LookMeter

register = template.Library()

MILLIBITS = 1000
# A variable that a template does not have reaches a filter as an empty text.
_SCALES = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))


@dataclass(frozen=True)
class FamilyMark:
    name: str
    on: bool


@register.filter
def number(value: float | int | str | None) -> str:
    """1094758 as 1,094,758; nothing for None."""
    if value is None or isinstance(value, str):
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


@register.filter
def compact_number(value: int | str | None) -> str:
    """1094758 as 1.09 M; whole below ten thousand."""
    if value is None or isinstance(value, str):
        return ""
    for size, word in _SCALES:
        if abs(value) >= size and abs(value) >= 10_000:
            return f"{value / size:.3g} {word}"
    return f"{value:,}"


@register.filter
def bits(millibits: int | str | None) -> str:
    """Millibits as bits with sign and one decimal: +18.2, −1.2."""
    if millibits is None or isinstance(millibits, str):
        return ""
    return f"{millibits / MILLIBITS:+,.1f}".replace("-", "−")


@register.filter
def whole_bits(millibits: int | str | None) -> str:
    """Millibits as whole bits without a plus: 64, −3."""
    if millibits is None or isinstance(millibits, str):
        return ""
    return f"{millibits / MILLIBITS:,.0f}".replace("-", "−")


@register.filter
def signed(value: int | None) -> str:
    """143 as +143, nothing for zero."""
    if not value:
        return ""
    return f"{value:+,}".replace("-", "−")


def lower_first(text: str) -> str:
    """A label inside a sentence: names such as NAT keep their capitals."""
    return text[:1].lower() + text[1:]


@register.filter
def percent(share: float | None) -> str:
    """0.973 as 97 %."""
    return "" if share is None else f"{share * 100:.0f} %"


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds as 4.2 s, 3 min 20 s, 2 h 5 min or 3 d 4 h."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


@register.filter
def byte_size(value: int | None) -> str:
    """Bytes as 812 KB or 4.1 MB."""
    if value is None:
        return ""
    return f"{max(1, round(value / 1000)):,} KB" if value < 1_000_000 else f"{value / 1_000_000:,.1f} MB"


@register.filter
def relative_time(at: datetime | None) -> str:
    """A time as 2 h ago while it is under a month old, its day after that. The browser ages it by the same steps."""
    if at is None:
        return ""
    seconds = (timezone.now() - at).total_seconds()
    if seconds < 0 or seconds >= 31 * 86400:
        return day_utc(at)
    if seconds < 5:
        return "just now"
    for below, size, unit in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if seconds < below:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds // 86400)} d ago"


@register.filter
def day_utc(at: datetime | None) -> str:
    """A time's day: 22 Apr 2026."""
    return "" if at is None else f"{at.astimezone(UTC):%-d %b %Y}"


@register.filter
def days_until(first: datetime | None, last: datetime | None) -> str:
    """From a day to another: "3 – 17 May 2026", "28 May – 2 Jun 2026"; one day where they are the same."""
    start, end = day_utc(first), day_utc(last)
    if not start or not end or start == end:
        return start or end
    begun, ended = start.split(), end.split()
    same = 2 if begun[1:] == ended[1:] else 1 if begun[2] == ended[2] else 0
    return f"{' '.join(begun[: 3 - same])} – {end}"


@register.filter
def exact_utc(at: datetime | None) -> str:
    """A time to the second: 2026-06-03 14:22:10 UTC."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


@register.filter
def iso_utc(at: datetime | None) -> str:
    """A time for machines: 2026-06-03T14:22:10Z."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


@register.filter
def all_families(_: object) -> tuple[str, ...]:
    """Every family in its fixed order."""
    return FAMILIES


@register.filter
def family_marks(mask: int | None) -> list[FamilyMark]:
    """A bit mask over the families as nine marks in their fixed order."""
    return [FamilyMark(name, bool((mask or 0) >> i & 1)) for i, name in enumerate(FAMILIES)]


@register.filter
def family_boxes(mask: int | str | None) -> SafeString:
    """The nine marks as elements. Lists have one in each row, so each mask is written out once."""
    return _family_boxes(mask if isinstance(mask, int) else 0)


@lru_cache(maxsize=1 << len(FAMILIES))
def _family_boxes(mask: int) -> SafeString:
    return format_html_join("", "<i{}></i>", ((_family_class(m),) for m in family_marks(mask)))


def _family_class(mark: FamilyMark) -> SafeString | str:
    return format_html(' class="f-{}"', mark.name) if mark.on else ""


@register.filter
def look_boxes(meter: LookMeter) -> SafeString:
    """The parts of a meter as rectangles side by side."""
    boxes = ((i, part.x, part.width) for i, part in enumerate(meter.parts, start=1))
    return format_html_join("", '<rect class="part-{}" x="{}%" width="{}%" height="100%"/>', boxes)


@register.filter
def family_words(mask: int | None) -> str:
    """A bit mask over the families as words: payment, network, timing."""
    return ", ".join(m.name for m in family_marks(mask) if m.on) or "no family"
