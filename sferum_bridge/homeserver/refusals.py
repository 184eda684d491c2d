"""Refusing something to a person, who reads why in the client."""

from __future__ import annotations

from http import HTTPStatus

from synapse.api.errors import Codes, SynapseError


def refused(text: str) -> SynapseError:
    """Return a refusal; `text` is in Russian and English, as clients name no language."""
    return SynapseError(HTTPStatus.FORBIDDEN, text, Codes.FORBIDDEN)
