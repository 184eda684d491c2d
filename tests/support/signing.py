"""Encryption keys as clients upload them: real ones, with real signatures."""

from __future__ import annotations

from typing import Any

from signedjson.key import generate_signing_key, get_verify_key
from signedjson.sign import sign_json
from unpaddedbase64 import encode_base64

Json = dict[str, Any]


class Keys:
    """The keys of a device, and those by which its owner vouches for devices and people."""

    def __init__(self) -> None:
        names = ("device", "master", "self_signing", "user_signing")
        self._keys = {name: generate_signing_key("0") for name in names}

    def of_device(self, user_id: str, device: str) -> Json:
        """Return the body of `keys/upload` for a new device."""
        key = self._keys["device"]
        key.version = device
        known: Json = {
            "user_id": user_id,
            "device_id": device,
            "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
            "keys": {
                f"ed25519:{device}": self._public("device"),
                f"curve25519:{device}": self._public("device"),
            },
        }
        once: Json = {"key": self._public("device")}
        return {
            "device_keys": sign_json(known, user_id, key),
            "one_time_keys": {
                f"signed_curve25519:{number}": sign_json(dict(once), user_id, key)
                for number in range(10)
            },
            "fallback_keys": {
                "signed_curve25519:last": sign_json({**once, "fallback": True}, user_id, key)
            },
        }

    def of_person(self, user_id: str) -> Json:
        """Return the keys in the body of `keys/device_signing/upload`."""
        master = self._keys["master"]
        master.version = self._public("master")
        body: Json = {}
        for usage in ("master", "self_signing", "user_signing"):
            public = self._public(usage)
            key: Json = {
                "user_id": user_id,
                "usage": [usage],
                "keys": {f"ed25519:{public}": public},
            }
            body[f"{usage}_key"] = key if usage == "master" else sign_json(key, user_id, master)
        return body

    def sign(self, key: Json, user_id: str) -> Json:
        """Return somebody's master key, signed by the owner of these."""
        signing = self._keys["user_signing"]
        signing.version = self._public("user_signing")
        return dict(sign_json(dict(key), user_id, signing))

    def _public(self, name: str) -> str:
        return str(encode_base64(get_verify_key(self._keys[name]).encode()))
