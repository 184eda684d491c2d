"""Secrets at rest."""

from __future__ import annotations

import os

import pytest

from sferum_bridge.store.sealing import SealBrokenError, Sealer

KEY = os.urandom(32)


def test_what_was_sealed_comes_back() -> None:
    sealer = Sealer(KEY)
    value = {"текст": ["да", 1, None]}
    assert sealer.unseal(sealer.seal(value, "inbox"), "inbox") == value


def test_the_same_value_never_looks_the_same() -> None:
    sealer = Sealer(KEY)
    assert sealer.seal("a", "login") != sealer.seal("a", "login")


@pytest.mark.parametrize("change", ["byte", "label", "key", "cut"])
def test_a_changed_or_moved_value_is_refused(change: str) -> None:
    sealer = Sealer(KEY)
    sealed, label = sealer.seal("тайна", "login"), "login"
    if change == "byte":
        sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    elif change == "label":
        label = "inbox"
    elif change == "key":
        sealer = Sealer(os.urandom(32))
    else:
        sealed = sealed[:5]
    with pytest.raises(SealBrokenError):
        sealer.unseal(sealed, label)


def test_keys_of_different_uses_differ() -> None:
    sealer = Sealer(KEY)
    made = {sealer.digest("x", "a"), sealer.digest("x", "b"), sealer.chain(b"", "x")}
    made.add(sealer.token("x", 32))
    assert len(made) == 4


def test_a_token_is_long_random_and_the_same_again() -> None:
    sealer = Sealer(KEY)
    assert len(sealer.token("event", 18)) == 18
    assert sealer.token("event", 18) == sealer.token("event", 18)
    assert sealer.token("event", 18) != sealer.token("event2", 18)
    assert sealer.token("event", 18) != Sealer(os.urandom(32)).token("event", 18)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        Sealer(b"short")
