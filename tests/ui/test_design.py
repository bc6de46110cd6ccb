"""The rules of the style sheets, templates and scripts, read from the files themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CSS = ROOT / "static" / "css"
COMPONENTS = sorted((CSS / "components").glob("*.css"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))
RAW_COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b(?!\s*\{)|\b(?:rgba?|hsla?|oklch|oklab)\(|:\s*(?:white|black)\b")


def name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", COMPONENTS, ids=name)
def test_a_component_lives_in_its_layer_and_has_its_files_name(path: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL).strip()
    assert text.startswith("@layer components {")
    assert text.count("@layer") == 1
    assert f".{path.stem}" in text


@pytest.mark.parametrize("path", [p for p in sorted(CSS.rglob("*.css")) if p.name != "tokens.css"], ids=name)
def test_raw_colours_live_in_the_tokens_alone(path: Path) -> None:
    assert RAW_COLOUR.findall(path.read_text()) == []


def test_every_style_sheet_is_linked_once_reset_first_and_utilities_last() -> None:
    linked = re.findall(r"css/([\w/.-]+\.css)", (ROOT / "templates/base/styles.html").read_text())
    assert sorted(linked) == sorted(p.relative_to(CSS).as_posix() for p in CSS.rglob("*.css"))
    assert linked[0] == "reset.css"
    assert linked[-1] == "utilities.css"


def test_every_role_that_is_used_is_defined() -> None:
    sheets = "\n".join(p.read_text() for p in CSS.rglob("*.css"))
    defined = set(re.findall(r"(--[\w-]+)\s*:", sheets))
    assert set(re.findall(r"var\((--[\w-]+)\)", sheets)) - defined == set()


@pytest.mark.parametrize("path", sorted((ROOT / "templates/components").glob("*.html")), ids=name)
def test_a_component_begins_with_a_comment_that_lists_its_variables(path: Path) -> None:
    assert re.match(r"\{% comment %\}|\{#", path.read_text())


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_components_are_included_with_only(path: Path) -> None:
    includes = re.findall(r"\{% include \"components/[^%]*%\}", path.read_text())
    assert [i for i in includes if not i.endswith("only %}")] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_page_holds_no_inline_script_style_or_handler(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\sstyle=|<style|\son\w+=\"|javascript:", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_a_module_is_small_and_only_chart_js_knows_plotly(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("//")
    assert len(text.splitlines()) <= 160
    assert "innerHTML" not in text and "eval(" not in text
    assert path.name == "chart.js" or "Plotly." not in text


def test_every_module_is_attached() -> None:
    main = (ROOT / "static/js/main.js").read_text()
    assert {p.name for p in SCRIPTS} - {"main.js"} == set(re.findall(r'"\./([\w-]+\.js)"', main))


def test_every_icon_that_is_named_is_drawn() -> None:
    drawn = set(re.findall(r'symbol id="([\w-]+)"', (ROOT / "static/img/icons.svg").read_text()))
    text = "\n".join(p.read_text() for p in TEMPLATES)
    named = set(re.findall(r'icon\.html" with name="([\w-]+)"(?!\|)', text)) | set(
        re.findall(r' icon="([\w-]+)"', text)
    )
    states = {f"state-{s}" for s in re.findall(r'status\.html" with symbol="([\w-]+)"', text)}
    assert (named | states) - drawn - {"state-"} == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_numbers_are_not_formatted_with_words_around(path: Path) -> None:
    """`stringformat:"the newest %d"` is no format, and says nothing at all."""
    assert [f for f in re.findall(r'stringformat:"([^"]*)"', path.read_text()) if "%" in f] == []
