"""What the tests of pages share: the addresses of the reading pages for a cast."""

from __future__ import annotations

from urllib.parse import quote

from tests.cast import Cast

NOBODYS_ID = "0" * 12


def reading_pages(cast: Cast) -> dict[str, str]:
    """Every page that shows clusters, accounts, identifiers and pairs, by a short name."""
    cluster, account, other = cast.cards.public_id, cast.cards_accounts[0].public_id, cast.cards_accounts[1].public_id
    identifier = cast.dataset.identifiers.order_by("pk")[0].public_id
    return {
        "triage": "/",
        "clusters": "/clusters/",
        "preview": f"/clusters/{cluster}/preview/",
        "cluster": f"/clusters/{cluster}/",
        "members": f"/clusters/{cluster}/members/",
        "activity": f"/clusters/{cluster}/activity/",
        "lineage": f"/clusters/{cluster}/lineage/",
        "cases": f"/clusters/{cluster}/cases/",
        "evidence csv": f"/clusters/{cluster}/evidence.csv",
        "activity csv": f"/clusters/{cluster}/activity.csv",
        "account": f"/accounts/{account}/",
        "identifiers": f"/accounts/{account}/identifiers/",
        "sessions": f"/accounts/{account}/sessions/",
        "links": f"/accounts/{account}/links/",
        "identifier": f"/identifiers/{identifier}/",
        "compare": f"/compare/?a={account}&b={other}",
        "compare csv": f"/compare/evidence.csv?a={account}&b={other}",
        "search": "/search/",
    }


def malformed_ids(prefix: str) -> list[str]:
    """Ids that are none, ready for an address."""
    bad = [
        f"{prefix}_",
        "x",
        f"{prefix}_{NOBODYS_ID}",
        f"{prefix}_UUUUUUUUUUUU",
        "a\x00b",
        "‮𝕏",
        f"{prefix}_" + "0" * 400,
    ]
    return [quote(text, safe="") for text in bad]
