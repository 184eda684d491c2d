"""Conversations in docs/guide, taken from test runs: a test plays one and holds the guide to it.

`SFERUM_GUIDE=write` writes them anew instead.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide"


@dataclass
class Transcript:
    """A conversation as it is told: who said what, in which chat."""

    lines: list[str] = field(default_factory=list)

    def chat(self, name: str) -> None:
        """Go to another chat."""
        self.lines.append(f"— {name} —")

    def say(self, who: str, text: str) -> None:
        """Write down what somebody said or did."""
        first, *rest = text.splitlines()
        self.lines += [f"{who}: {first}", *(f"    {line}".rstrip() for line in rest)]

    def rendered(self) -> str:
        """Return it as a block of markdown."""
        return "\n".join(["```text", *self.lines, "```"])


def hold(name: str, file: str, transcript: Transcript) -> None:
    """Assert that a document of the guide shows this conversation under a name."""
    path = GUIDE / file
    text = path.read_text(encoding="utf-8")
    start, end = (f"<!-- {mark}{re.escape(name)} -->" for mark in ("", "/"))
    place = re.compile(rf"({start}\n).*?({end})", re.DOTALL)
    assert place.search(text), f"{file} has no place for {name}"
    filled = place.sub(lambda m: f"{m[1]}{transcript.rendered()}\n{m[2]}", text)
    if os.environ.get("SFERUM_GUIDE") == "write":
        path.write_text(filled, encoding="utf-8")
    else:
        assert filled == text, f"{file} shows another conversation; SFERUM_GUIDE=write takes this"
