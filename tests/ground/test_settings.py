"""Settings are loud: each bad value stops the start with the value in the message."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import env
from config.problems import BadSetting
from tests.processes import environment, run

DATABASE = "postgresql://hydrascope_app:top-secret@db.example.org:5432/hydrascope?sslmode=require"


@pytest.fixture
def production(tmp_path: Path) -> dict[str, str]:
    return {
        "HYDRASCOPE_ENV": "production",
        "DATABASE_URL": DATABASE,
        "BROKER_URL": "valkeys://broker.example.org:6379/0",
        "PUBLIC_URL": "https://console.example.org",
        "SECRET_KEY": "k9!" + "aZ7_" * 20,
        "HYDRASCOPE_KEYRING": str(tmp_path / "keyring.json"),
    }


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (lambda: env.boolean("X_SETTING", False), "perhaps"),
        (lambda: env.integer("X_SETTING", 1, low=1, high=9), "ten"),
        (lambda: env.integer("X_SETTING", 1, low=1, high=9), "10"),
        (lambda: env.integer("X_SETTING", 1, low=1, high=9), "²"),
        (lambda: env.choice("X_SETTING", "a", choices=("a", "b")), "c"),
        (lambda: env.http_address("X_SETTING", ""), "console.example.org"),
        (lambda: env.http_address("X_SETTING", ""), "https://console.example.org/path"),
        (lambda: env.http_address("X_SETTING", ""), "ftp://console.example.org"),
    ],
)
def test_it_names_the_variable_and_the_value(monkeypatch: pytest.MonkeyPatch, reader: object, value: str) -> None:
    monkeypatch.setenv("X_SETTING", value)
    with pytest.raises(BadSetting) as caught:
        reader()  # type: ignore[operator]
    assert "X_SETTING" in str(caught.value) and value in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "mysql://u:top-secret@h/d",
        "postgresql://h/d",
        "postgresql://u:top-secret@h:port/d",
        "postgresql://u:top-secret@h",
    ],
)
def test_it_refuses_a_wrong_database_address_without_showing_the_password(value: str) -> None:
    with pytest.raises(BadSetting, match="DATABASE_URL") as caught:
        env.database("DATABASE_URL", value)
    assert "top-secret" not in str(caught.value)


def test_it_reads_a_database_address() -> None:
    found = env.database("DATABASE_URL", "postgresql://me:p%40ss@/name?host=%2Frun%2Fpg&connect_timeout=3")
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["NAME"]) == ("me", "p@ss", "/run/pg", "name")
    assert found["OPTIONS"] == {"connect_timeout": "3"}


def test_it_refuses_a_wrong_broker_address_without_showing_the_password() -> None:
    with pytest.raises(BadSetting, match="BROKER_URL") as caught:
        env.broker_address("kafka://me:top-secret@host")
    assert "top-secret" not in str(caught.value)


def test_it_reads_a_secret_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "word").write_text("  from the file\n")
    monkeypatch.setenv("X_SECRET_FILE", str(tmp_path / "word"))
    assert env.secret("X_SECRET") == "from the file"
    monkeypatch.setenv("X_SECRET", "given")
    with pytest.raises(BadSetting, match="both set"):
        env.secret("X_SECRET")


@pytest.mark.parametrize("content", [None, b"", b"  \n", b"\xff\xfe"])
def test_it_refuses_a_secret_file_that_holds_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "word"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("X_SECRET_FILE", str(file))
    with pytest.raises(BadSetting, match="X_SECRET_FILE"):
        env.secret("X_SECRET")


def test_it_is_silent_about_a_right_production(tmp_path: Path, production: dict[str, str]) -> None:
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", env=environment(tmp_path, **production))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "no issues" in done.stdout
    assert not (tmp_path / "secrets.json").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"DATABASE_URL": "", "BROKER_URL": ""}, "DATABASE_URL and BROKER_URL"),
        ({"PUBLIC_URL": "http://console.example.org"}, "PUBLIC_URL, an https address"),
        ({"HYDRASCOPE_KEYRING": ""}, "HYDRASCOPE_KEYRING"),
        ({"DEBUG": "1"}, "DEBUG=0"),
        ({"HYDRASCOPE_ENV": "staging"}, "HYDRASCOPE_ENV='staging'"),
        ({"BROKER_URL": "amqp://broker.example.org"}, "CACHE_URL is not set"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL='loud'"),
        ({"TRUSTED_PROXIES": "-1"}, "TRUSTED_PROXIES='-1'"),
    ],
)
def test_it_refuses_an_insecure_production(
    tmp_path: Path, production: dict[str, str], change: dict[str, str], words: str
) -> None:
    done = run("manage.py", "check", env=environment(tmp_path, **{**production, **change}))
    assert done.returncode == BadSetting.exit_code
    assert words in done.stderr and "Traceback" not in done.stderr


def test_it_prefixes_cookies_and_closes_headers_in_production(tmp_path: Path, production: dict[str, str]) -> None:
    script = (
        "from config import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE,"
        " s.SECURE_HSTS_SECONDS > 0, s.DATABASES['default']['OPTIONS'], hasattr(s, 'SECURE_PROXY_SSL_HEADER'))"
    )
    done = run("-c", script, env=environment(tmp_path, **production))
    assert done.stdout.split() == [
        "__Host-session",
        "__Host-csrf",
        "True",
        "True",
        "{'sslmode':",
        "'require'}",
        "False",
    ]


def test_it_sends_strict_headers_with_every_page(client: object, db: None) -> None:
    answer = client.get("/auth/login/")  # type: ignore[attr-defined]
    policy = answer["Content-Security-Policy"]
    for part in (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "object-src 'none'",
    ):
        assert part in policy
    assert "unsafe-inline" not in policy.replace("style-src-attr 'unsafe-inline'", "")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert "no-store" in answer["Cache-Control"]
    assert "camera=()" in answer["Permissions-Policy"]
