"""Take the pictures of the README from the running console, with the demo dataset: docs/img/*.png, light and dark.

    make run            in one terminal, until the demo dataset is ready
    make screenshots    in another, with the same PORT

A case over the network that is second in triage is opened when there is none; nothing else changes.
"""

from __future__ import annotations

import base64
import os
import struct
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from investigations.models import Case, ClusterVersion

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "img"
MOST_BYTES = 200_000
PATIENCE_MS = 60_000
FREEZE = "for (const a of document.getAnimations()) { try { a.finish() } catch { a.cancel() } }"
COARSER = """async ([picture, step]) => {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${picture}`)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height), pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  const data = pen.getImageData(0, 0, image.width, image.height), seen = new Map();
  for (let i = 0; i < data.data.length; i += 4) {
    const key = (data.data[i] << 16) | (data.data[i + 1] << 8) | data.data[i + 2];
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  for (let i = 0; i < data.data.length; i += 4) {
    const key = (data.data[i] << 16) | (data.data[i + 1] << 8) | data.data[i + 2];
    if (seen.get(key) > 2000) continue;
    for (let c = 0; c < 3; c++) data.data[i + c] = Math.min(255, Math.round(data.data[i + c] / step) * step);
  }
  pen.putImageData(data, 0, 0);
  const bytes = new Uint8Array(await (await canvas.convertToBlob({type: "image/png"})).arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}"""  # shades at the edges of letters become fewer; what fills areas stays as it is
STEPS = (8, 16, 32)
SETTLE_MS = 1_000  # charts are drawn when the browser is idle


@dataclass(frozen=True)
class Shot:
    """A picture: its name and the page's address."""

    name: str
    path: str


def main() -> int:
    """Take every picture in both themes; return the exit code."""
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config import embedded, home
    from config.problems import exit_with_message

    with exit_with_message():
        held = embedded.hold(home.home_path()) if embedded.is_embedded() else None
        try:
            import django

            django.setup()
            take(signin_address(), subjects())
        finally:
            if held is not None:
                held.release()
    return 0


def signin_address() -> str:
    """Return a sign-in link for the first person."""
    from io import StringIO

    from django.core.management import call_command

    said = StringIO()
    call_command("signin_link", "admin", stdout=said)
    return said.getvalue().strip()


def subjects() -> list[Shot]:
    """Return what to take pictures of: the largest network and its pair with the most evidence, a case over another."""
    from investigations.models import ClusterVersion, Link, Run
    from investigations.models.choices import RunState
    from investigations.selectors.demo import DEMO_NAME

    run = Run.objects.filter(dataset__name=DEMO_NAME, state=RunState.DONE).order_by("-number").first()
    if run is None:
        raise SystemExit("The demo dataset is not there yet. Start `make run` and wait until it says that it is ready.")
    versions = ClusterVersion.objects.filter(run=run).select_related("cluster")
    version, judged = versions.order_by("-n_accounts")[0], versions.order_by("-worth")[1]
    links = Link.objects.filter(run=run, cluster=version.cluster).select_related("a", "b")
    pair = max(links, key=lambda link: (len(link.evidence), link.families.bit_count(), link.bits))
    cluster, case = version.cluster.public_id, case_over(judged)
    return [
        Shot("triage", f"/?dataset={DEMO_NAME}"),
        Shot("cluster", f"/clusters/{cluster}/"),
        Shot("compare", f"/compare/?a={pair.a.public_id}&b={pair.b.public_id}"),
        Shot("case", f"/cases/{case.public_id}/"),
        Shot("verdict", f"/cases/{case.public_id}/verdict/{judged.cluster.public_id}/"),
    ]


def case_over(version: ClusterVersion) -> Case:
    """Return the newest case over the cluster, opened now when there is none."""
    from investigations.models import Case
    from investigations.services.cases import case_open
    from staff.models import User

    known = Case.objects.filter(case_clusters__cluster=version.cluster).order_by("-number").first()
    admin = User.objects.get(username="admin")
    return known or case_open(
        version.cluster.dataset, by=admin, title="One pool behind many accounts", clusters=[version.cluster]
    )


def take(link: str, shots: list[Shot]) -> None:
    """Sign in and write every picture in both themes."""
    from playwright.sync_api import sync_playwright

    from tests.browser import browser_arguments, browser_path

    IMAGES.mkdir(parents=True, exist_ok=True)
    origin = link.partition("/auth/")[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=browser_arguments())
        page = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce").new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(link)
        page.locator("main form button, form button.main").first.click()
        page.wait_for_url(lambda url: "/auth/link/" not in url)
        for shot in shots:
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                write(page, origin + shot.path, IMAGES / f"{shot.name}-{theme}.png")
        browser.close()


def write(page: Any, address: str, file: Path) -> None:
    """Write the picture of a page, and say how large it is."""
    answer = page.goto(address)
    if answer is None or answer.status >= 400:
        raise SystemExit(f"{address} answered {answer and answer.status}.")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(SETTLE_MS)
    page.evaluate(FREEZE)
    full = page.screenshot()
    picture = png_smaller(full)
    for step in STEPS:
        if len(picture) <= MOST_BYTES:
            break
        picture = png_smaller(png_coarser(page, full, step=step))
    file.write_bytes(picture)
    print(f"{file.relative_to(ROOT)}: {len(picture) / 1000:.0f} kB", flush=True)


def png_coarser(page: Any, picture: bytes, *, step: int) -> bytes:
    """Return the PNG with fewer shades, made by the browser in a page of its own."""
    blank = page.context.new_page()
    try:
        return base64.b64decode(blank.evaluate(COARSER, [base64.b64encode(picture).decode(), step]))
    finally:
        blank.close()


def png_smaller(picture: bytes) -> bytes:
    """Return the same PNG with its pixels packed as tightly as zlib can."""
    head, pixels, tail, at = picture[:8], b"", b"", 8
    while at < len(picture):
        length, kind = struct.unpack(">I4s", picture[at : at + 8])
        chunk = picture[at : at + 12 + length]
        at += len(chunk)
        if kind == b"IDAT":
            pixels += chunk[8:-4]
        elif pixels:
            tail += chunk
        else:
            head += chunk
    body = b"IDAT" + zlib.compress(zlib.decompress(pixels), 9)
    return head + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) + tail


if __name__ == "__main__":
    raise SystemExit(main())
