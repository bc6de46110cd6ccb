from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import keys
from core.keys import Keyring, KeyringError

TEXT = st.text(st.characters(codec="utf-8"), max_size=200)


def test_it_makes_a_keyring_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "keyring.json"
    made = Keyring.load_or_create(path)
    assert Keyring.load_or_create(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(list(path.parent.iterdir())) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "There is no keyring"),
        ("", "can't be read"),
        ("[]", "can't be read"),
        ('{"keys": []}', "at least one key"),
        ('{"keys": [{"id": 1, "hash": "AAAA", "seal": "AAAA"}]}', "two secrets of 32 bytes"),
        ('{"keys": [{"id": 1, "hash": "not base64!", "seal": ""}]}', "can't be read"),
    ],
)
def test_it_says_what_is_wrong_with_a_keyring(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "keyring.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(KeyringError, match=said):
        Keyring.load(path)


def test_a_rotated_keyring_still_holds_the_old_key(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    first = Keyring.load_or_create(path)
    second = first.rotated(path)
    assert Keyring.load(path) == second
    assert (second.active.id, second.key(1)) == (2, first.active)
    assert json.loads(path.read_text())["version"] == 1
    with pytest.raises(KeyringError, match="no key 9"):
        second.key(9)


@given(TEXT)
def test_what_is_sealed_opens_again(value: str) -> None:
    sealed = keys.value_seal(value, kind="email")
    assert keys.value_unseal(sealed, kind="email") == value
    assert value.encode() not in sealed.sealed or len(value) < 4


def test_a_sealed_value_opens_only_as_what_it_is() -> None:
    sealed = keys.value_seal("a@example.org", kind="email")
    with pytest.raises(KeyringError, match="does not open"):
        keys.value_unseal(sealed, kind="phone")
    changed = keys.Sealed(sealed.key_id, sealed.data_key, sealed.sealed[:-1] + bytes([sealed.sealed[-1] ^ 1]))
    with pytest.raises(KeyringError, match="does not open"):
        keys.value_unseal(changed, kind="email")


def test_each_value_has_a_data_key_of_its_own() -> None:
    one, two = keys.values_seal(["same", "same"], kind="email")
    assert one.data_key != two.data_key and one.sealed != two.sealed


@given(st.binary(max_size=2000))
def test_blobs_open_again_for_their_purpose_only(data: bytes) -> None:
    envelope = keys.blob_seal(data, purpose="upload")
    assert keys.blob_unseal(envelope, purpose="upload") == data
    with pytest.raises(KeyringError):
        keys.blob_unseal(envelope, purpose="reject")


@given(TEXT, TEXT)
def test_digests_tell_values_kinds_and_versions_apart(one: str, two: str) -> None:
    def digest(value: str, kind: str = "email", version: int = 1) -> bytes:
        return keys.value_digest(value, kind=kind, normaliser_version=version)

    assert len(digest(one)) == 16
    assert (digest(one) == digest(two)) == (one == two)
    assert digest(one) != digest(one, kind="phone")
    assert digest(one) != digest(one, version=2)


def test_digests_depend_on_the_key(tmp_path: Path) -> None:
    ring = Keyring.load_or_create(tmp_path / "k.json")
    ours = keys.value_digest("a", kind="email", normaliser_version=1)
    assert keys.value_digest("a", kind="email", normaliser_version=1, key=ring.active) != ours


def test_derived_keys_differ_by_purpose_and_size() -> None:
    assert keys.hash_key("events") != keys.hash_key("sessions")
    assert len(keys.hash_key("events", size=16)) == 16


@given(TEXT, TEXT)
def test_sealed_texts_are_equal_exactly_when_the_texts_are(one: str, two: str) -> None:
    sealed = keys.texts_seal([one, two], purpose="extra")
    assert [keys.text_unseal(s, purpose="extra") for s in sealed] == [one, two]
    assert (sealed[0] == sealed[1]) == (one == two)
    with pytest.raises(KeyringError, match="does not open"):
        keys.text_unseal(sealed[0], purpose="upload")
