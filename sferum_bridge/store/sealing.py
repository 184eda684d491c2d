"""Encryption at rest, keyed hashes, and everything else that needs the bridge's own key.

The key lies outside the database (config `secret_key_file`). From it four keys are derived, one per
use, so that none can stand in for another. Sealed values are AES-256-GCM with a random nonce; the
label of the use is authenticated with them, so a value cannot be moved to another column.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12


class SealBrokenError(Exception):
    """A sealed value was changed, moved, or sealed with another key."""


class Sealer:
    """Seals values for the database and makes keyed hashes, all from one secret key."""

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES:
            raise ValueError(f"the secret key must have at least {KEY_BYTES} bytes")
        self._cipher = AESGCM(_derive(key, "seal"))
        self._digest_key = _derive(key, "digest")
        self._token_key = _derive(key, "token")
        self._audit_key = _derive(key, "audit")

    def seal(self, value: Any, label: str) -> bytes:
        """Encrypt a JSON value for the column called `label`."""
        nonce = os.urandom(_NONCE_BYTES)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        # JSON from other people's servers may hold half of a surrogate pair; it is kept as it came.
        plain = text.encode("utf-8", "surrogatepass")
        return nonce + self._cipher.encrypt(nonce, plain, label.encode())

    def unseal(self, sealed: bytes, label: str) -> Any:
        """Return the JSON value; raises `SealBrokenError` when it is not what was sealed."""
        try:
            plain = self._cipher.decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], label.encode()
            )
        except (InvalidTag, ValueError) as e:
            raise SealBrokenError(f"a sealed {label} cannot be opened with this key") from e
        return json.loads(plain)

    def digest(self, value: str, label: str) -> bytes:
        """Return the keyed hash of a value, for looking it up without storing it."""
        return hmac.digest(self._digest_key, f"{label}\0{value}".encode(), "sha256")

    def token(self, seed: str, size: int) -> bytes:
        """Return `size` bytes nobody can guess without the key, the same for the same seed.

        A command that is carried out again after a crash must give the same invite code again.
        """
        return hmac.digest(self._token_key, seed.encode(), "sha512")[:size]

    def chain(self, previous: bytes, record: str) -> bytes:
        """Return the hash of an audit record behind `previous`."""
        return hmac.digest(self._audit_key, previous + record.encode(), "sha256")


def _derive(key: bytes, use: str) -> bytes:
    return hashlib.blake2b(use.encode(), key=key[:64], digest_size=32).digest()
