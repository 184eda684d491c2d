"""What the bridge says in a person's own name, and how it knows it again."""

from __future__ import annotations

MARK = "fi.mau.double_puppet_source"
"""The content key of it: such an event does not go back where it came from."""
