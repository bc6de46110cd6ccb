"""Every component renders in every state, through the style guide."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.template.loader import render_to_string

from core.errors import NotFound, Unavailable
from investigations.selectors.shapes.refs import AccountRef
from investigations.ui import parts
from investigations.ui.entries import Entry
from investigations.ui.shell import Appearance
from investigations.ui.styleguide import specimen, specimen_shell


@pytest.fixture(scope="module")
def page() -> str:
    context = {
        "guide": specimen(),
        "shell": specimen_shell(),
        "appearance": Appearance("dark", "compact", shortcuts=False),
        "csrf_token": "x",
    }
    return render_to_string("styleguide/index.html", context)


def test_it_carries_the_persons_appearance_before_the_first_paint(page: str) -> None:
    assert '<html lang="en" data-theme="dark" data-density="compact" data-shortcuts="off">' in page


def test_ids_are_unique(page: str) -> None:
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert sorted(set(ids)) == sorted(ids)


def test_the_sorted_column_says_so(page: str) -> None:
    assert re.search(
        r'<th scope="col"[^>]*aria-sort="descending"[^>]*><a class="sort" href="\?sort=look&amp;state=open">Worth',
        page,
    )


def test_every_figure_says_what_it_shows_and_has_a_table(page: str) -> None:
    n_figures = page.count("<figure ")
    assert n_figures == 3
    assert page.count("View as table") == n_figures
    assert "34 of 1,624 accounts shown: every 31st member by bits" in page


def test_all_five_states_are_there(page: str) -> None:
    for words in (
        "Loading members",
        "Nothing has been linked yet",
        "No cluster matches these filters",
        "Scores from run 41",
        "did not load",
    ):
        assert words in page


def test_forms_name_their_errors(page: str) -> None:
    assert 'aria-invalid="true"' in page
    described = set(" ".join(re.findall(r'aria-describedby="([^"]+)"', page)).split())
    assert described <= set(re.findall(r'\sid="([^"]+)"', page))


def test_every_post_form_is_guarded(page: str) -> None:
    forms = re.findall(r'<form[^>]*method="post"[^>]*>(.*?)</form>', page, re.DOTALL)
    assert forms
    assert all("csrfmiddlewaretoken" in form for form in forms)


def test_text_is_escaped() -> None:
    found = render_to_string("components/status.html", {"symbol": "open", "word": "<b>x</b>"})
    assert "&lt;b&gt;x&lt;/b&gt;" in found


def test_an_error_page_needs_no_context_processor() -> None:
    error = NotFound("No cluster with the id clu_X is visible to you.", what_to_do="Check the address.")
    found = render_to_string("base/error.html", {"error": error, "request_id": "7f3c9a10"})
    for words in ("404 · not_found", "There is nothing here", "Check the address.", "7f3c9a10"):
        assert words in found
    assert "Try again" not in found
    assert "Try again" in render_to_string("base/error.html", {"error": Unavailable("x")})


@pytest.mark.parametrize(
    ("platform_id", "is_shown"), [("user-1", True), (None, False), ("<b>user</b>", True)], ids=["seen", "hidden", "odd"]
)
def test_an_account_shows_the_platforms_id_to_those_who_may(platform_id: str | None, is_shown: bool) -> None:
    account = AccountRef("acc_000000000001", platform_id, "active", "Active", datetime(2026, 6, 1, tzinfo=UTC))
    found = render_to_string("components/account.html", {"account": account})
    assert 'href="/accounts/acc_000000000001/"' in found
    assert ("quiet mono" in found) is is_shown
    assert "<b>" not in found


def test_facts_are_words_times_or_things_to_copy() -> None:
    facts = [
        parts.Fact("Over", at=datetime(2026, 6, 1, tzinfo=UTC)),
        parts.Fact("Id", "run_000000000001", copies="run id"),
        parts.Fact("Digest", "9d3a…", title="9d3a4f", is_mono=True),
        parts.Fact("Reason", "<i>none</i>"),
    ]
    found = render_to_string("components/facts.html", {"facts": facts, "as_list": True})
    assert "2026-06-01 00:00:00 UTC" in found
    assert 'data-copy="run_000000000001"' in found
    assert '<div title="9d3a4f">' in found
    assert '<dd class="mono">9d3a…</dd>' in found
    assert "&lt;i&gt;none&lt;/i&gt;" in found


@pytest.mark.parametrize(("n", "words"), [(1, "1 case is hidden"), (2_400, "2,400 cases are hidden")])
def test_a_list_without_matches_says_how_many_there_are(n: int, words: str) -> None:
    found = render_to_string("components/none_match.html", {"n": n, "noun": "case", "clear_href": "?"})
    assert words in found
    assert 'href="?"' in found


def test_the_line_of_filters_carries_the_rest_of_the_address_along() -> None:
    text = Entry("text", "Title", '"><b>', prefix="filter-")
    found = render_to_string(
        "components/list_filters.html", {"text": text, "kept": (("sort", "-n"),), "clear_href": "?"}
    )
    assert '<input type="hidden" name="sort" value="-n">' in found
    assert "<select" not in found
    assert "Clear filters" not in found
    assert "<b>" not in found
