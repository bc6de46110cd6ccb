"""Forms without a form class: what is in each field, what was typed there before, and what was wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.http import QueryDict

from core.errors import AppError


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    title: str = ""
    detail: str = ""  # stands under the label


@dataclass(frozen=True)
class Entry:
    """A field as it is shown. kind: text, url, area or select."""

    name: str
    label: str
    value: str = ""
    error: str = ""
    kind: str = "text"
    options: tuple[Option, ...] = ()
    help: str = ""
    max_length: int = 0
    is_required: bool = False
    prefix: str = ""

    @property
    def id(self) -> str:
        return f"{self.prefix}{self.name}"

    @property
    def described_by(self) -> str:
        """The ids of what is said about the field, as aria-describedby takes them."""
        told = [f"{self.id}-help"] if self.help else []
        return " ".join([*told, f"{self.id}-error"] if self.error else told)


@dataclass(frozen=True)
class Draft:
    """What somebody sent with one form of a page, and why it was not taken."""

    form: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    error: AppError | None = None

    def value(self, form: str, name: str, otherwise: str = "") -> str:
        """What was typed into a field of this form; else what it holds on a fresh page."""
        return self.values.get(name, otherwise) if form == self.form else otherwise

    def fault(self, form: str, name: str) -> str:
        return self.errors.get(name, "") if form == self.form else ""

    def unplaced(self, names: Iterable[str]) -> str:
        """Messages for fields that the page has no place beside."""
        shown = set(names)
        return " ".join(message for name, message in self.errors.items() if name not in shown)


NOTHING = Draft()


def draft_of(form: str, posted: QueryDict, error: AppError) -> Draft:
    """The draft of a form that a service refused."""
    fields: Mapping[str, Sequence[str]] = error.extra.get("fields", {})
    return Draft(
        form=form,
        values={name: posted.get(name, "").replace("\0", "\ufffd") for name in posted},  # a page holds no NUL
        errors={name: " ".join(messages) for name, messages in fields.items()},
        error=error,
    )


def options_of(choices: Iterable[tuple[str, object]]) -> tuple[Option, ...]:
    """A closed list as options."""
    return tuple(Option(str(value), str(label)) for value, label in choices)
