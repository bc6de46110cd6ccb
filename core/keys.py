"""Keys for hashing and sealing: a keyring apart from the data, keyed digests, and envelopes with a data key each.

Digest: keyed BLAKE2b (RFC 7693), 16 bytes. Sealing: AES-256-GCM under a fresh data key, the data key wrapped by the
keyring's sealing key (NIST SP 800-38D); destroying a row's data key destroys its value. Purposes get keys of their
own by HKDF (RFC 5869).
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

DIGEST_SIZE = 16
_NONCE = 12
_ONCE = bytes(_NONCE)  # a data key encrypts one message only, so its nonce may be fixed


class KeyringError(Exception):
    """The keyring cannot be read or a value was sealed by a key that it does not hold."""


@dataclass(frozen=True)
class Key:
    id: int
    hash_secret: bytes
    seal_secret: bytes


@dataclass(frozen=True)
class Sealed:
    """A sealed value: which key wrapped its data key, the wrapped data key, the ciphertext with its tag."""

    key_id: int
    data_key: bytes
    sealed: bytes


@dataclass(frozen=True)
class Keyring:
    """All keys of the installation; the newest one hashes and seals, the others only read."""

    keys: tuple[Key, ...]

    @property
    def active(self) -> Key:
        return self.keys[-1]

    def key(self, key_id: int) -> Key:
        """The key with this number; KeyringError when the keyring has lost it."""
        for key in self.keys:
            if key.id == key_id:
                return key
        raise KeyringError(f"The keyring holds no key {key_id}; restore it from where the keyring is kept.")

    @classmethod
    def load(cls, path: Path) -> Keyring:
        """Reads a keyring file; KeyringError says what is wrong with it."""
        try:
            rows = json.loads(path.read_text("utf-8"))["keys"]
            keys = [Key(int(r["id"]), _unb64(r["hash"]), _unb64(r["seal"])) for r in rows]
        except FileNotFoundError as error:
            raise KeyringError(f"There is no keyring at {path}. Without it nothing can be hashed or read.") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise KeyringError(f"The keyring {path} can't be read: {error}.") from error
        if not keys or any(len(k.hash_secret) != 32 or len(k.seal_secret) != 32 for k in keys):
            raise KeyringError(f"The keyring {path} must hold at least one key, with two secrets of 32 bytes.")
        return cls(tuple(sorted(keys, key=lambda k: k.id)))

    @classmethod
    def load_or_create(cls, path: Path) -> Keyring:
        """Reads the keyring, or makes one with a first key (mode 0600) where there is none yet."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, (_key_new(1),))
        return cls.load(path)

    def rotated(self, path: Path) -> Keyring:
        """Writes the keyring with one more key, which becomes the active one."""
        keys = (*self.keys, _key_new(self.active.id + 1))
        _write(path, keys)
        return Keyring(keys)


@functools.lru_cache(maxsize=1)
def keyring() -> Keyring:
    """The installation's keyring (settings.HYDRASCOPE_KEYRING); made on first use only in the embedded default."""
    path = Path(settings.HYDRASCOPE_KEYRING)
    return Keyring.load_or_create(path) if settings.HYDRASCOPE_KEYRING_CREATE else Keyring.load(path)


def value_digest(value: str, *, kind: str, normaliser_version: int, key: Key | None = None) -> bytes:
    """The keyed digest (16 bytes) of a normalised value; the kind and the normaliser's version are part of it."""
    return values_digest([value], kind=kind, normaliser_version=normaliser_version, key=key)[0]


def values_digest(values: list[str], *, kind: str, normaliser_version: int, key: Key | None = None) -> list[bytes]:
    """Digests of many values of one kind, about 1 µs each."""
    secret = (key or keyring().active).hash_secret
    start = hashlib.blake2b(f"{kind}\x1f{normaliser_version}\x1f".encode(), key=secret, digest_size=DIGEST_SIZE)
    digests = []
    for value in values:
        one = start.copy()
        one.update(value.encode("utf-8"))
        digests.append(one.digest())
    return digests


def values_seal(values: list[str], *, kind: str) -> list[Sealed]:
    """Seals many values of one kind, each under a data key of its own."""
    key_id = keyring().active.id
    return [Sealed(key_id, data_key, sealed) for data_key, sealed in zip(*envelopes(values, kind=kind), strict=True)]


def envelopes(values: list[str], *, kind: str) -> tuple[list[bytes], list[bytes]]:
    """What seals many values of one kind: wrapped data keys and ciphertexts under the active key, 4 µs for each value."""
    wrap, aad = AESGCM(keyring().active.seal_secret), kind.encode()
    size = 32 + _NONCE
    noise = secrets.token_bytes(len(values) * size)
    data_keys, ciphertexts = [], []
    for at, value in zip(range(0, len(noise), size), values, strict=True):
        data_key, nonce = noise[at : at + 32], noise[at + 32 : at + size]
        data_keys.append(nonce + wrap.encrypt(nonce, data_key, aad))
        ciphertexts.append(AESGCM(data_key).encrypt(_ONCE, value.encode("utf-8"), aad))
    return data_keys, ciphertexts


def value_seal(value: str, *, kind: str) -> Sealed:
    """Seals one value."""
    return values_seal([value], kind=kind)[0]


def value_unseal(sealed: Sealed, *, kind: str) -> str:
    """The clear value; KeyringError when the key is lost or the row was tampered with."""
    wrapped = bytes(sealed.data_key)
    try:
        unwrap = AESGCM(keyring().key(sealed.key_id).seal_secret)
        data_key = unwrap.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], kind.encode())
        return AESGCM(data_key).decrypt(_ONCE, bytes(sealed.sealed), kind.encode()).decode("utf-8")
    except InvalidTag as error:
        raise KeyringError("A sealed value does not open: its row was changed, or another key sealed it.") from error


def blob_seal(data: bytes, *, purpose: str) -> bytes:
    """A self-contained envelope around bytes (uploads, waiting rows): key number, nonce, ciphertext."""
    key, nonce = keyring().active, secrets.token_bytes(_NONCE)
    return key.id.to_bytes(4, "big") + nonce + AESGCM(_derived(key.seal_secret, purpose)).encrypt(nonce, data, b"")


def blob_unseal(envelope: bytes, *, purpose: str) -> bytes:
    """The bytes inside an envelope of `blob_seal` with the same purpose."""
    key = keyring().key(int.from_bytes(envelope[:4], "big"))
    cipher = AESGCM(_derived(key.seal_secret, purpose))
    try:
        return cipher.decrypt(envelope[4 : 4 + _NONCE], envelope[4 + _NONCE :], b"")
    except InvalidTag as error:
        raise KeyringError("A sealed file does not open: it was changed, or another key sealed it.") from error


def texts_seal(texts: list[str], *, purpose: str) -> list[str]:
    """Sealed forms of texts that rows keep beside others: equal texts give equal forms (AES-SIV, RFC 5297)."""
    key = keyring().active
    cipher = AESSIV(_derived(key.seal_secret, purpose, 64))
    return [f"{key.id}.{_b64(cipher.encrypt(text.encode('utf-8'), None))}" for text in texts]


def text_unseal(sealed: str, *, purpose: str) -> str:
    """The text inside a form that `texts_seal` made for the same purpose."""
    number, _, body = sealed.partition(".")
    cipher = AESSIV(_derived(keyring().key(int(number)).seal_secret, purpose, 64))
    try:
        return cipher.decrypt(_unb64(body), None).decode("utf-8")
    except InvalidTag as error:
        raise KeyringError("A sealed text does not open: it was changed, or another key sealed it.") from error


def hash_key(purpose: str, *, size: int = 16, key: Key | None = None) -> bytes:
    """A key for another keyed hash (event fingerprints, natural keys), derived for one purpose."""
    return _derived((key or keyring().active).hash_secret, purpose, size)


@functools.lru_cache(maxsize=64)
def _derived(secret: bytes, purpose: str, size: int = 32) -> bytes:
    return HKDF(algorithm=SHA256(), length=size, salt=None, info=f"hydrascope:{purpose}".encode()).derive(secret)


def _key_new(number: int) -> Key:
    return Key(number, secrets.token_bytes(32), secrets.token_bytes(32))


def _write(path: Path, keys: tuple[Key, ...]) -> None:
    rows = [{"id": k.id, "hash": _b64(k.hash_secret), "seal": _b64(k.seal_secret)} for k in keys]
    body = json.dumps({"version": 1, "written_at": datetime.now(UTC).isoformat(), "keys": rows}, indent=1)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    if len(keys) > 1:
        partial.replace(path)
        return
    try:
        os.link(partial, path)  # the first writer wins: two processes starting at once must not hold two keyrings
    except FileExistsError:
        pass
    finally:
        partial.unlink()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unb64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
