"""How somebody becomes a child's parent: invites, their codes, and the rules of confirming.

The rules only answer; the store carries the answer out in one transaction, where the two slots of a
child are unique by constraint (I-2), so a race is decided there and nowhere else.

A code is 140 random bits in seven groups of four. People pass it on by voice, on paper and through
messengers that autocorrect, so reading one back forgives case, spaces, line wraps, dashes, a
Cyrillic keyboard (С for C) and the letters people see in digits (S-30).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sferum_bridge.school.people import Waits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.school.people import ParentLink

# --- codes ----------------------------------------------------------------------------------

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""32 symbols: no I, L, O, U, so nothing is read as 1 or 0, and no code spells a word."""

CODE_BYTES = 18
_GROUPS, _GROUP = 7, 4
_SYMBOLS = _GROUPS * _GROUP

_LOOK_ALIKES = str.maketrans(
    "OILАВСЕНКМОРТХУЗІ",
    "011ABCEHKM0PTXY31",
)
_LINK = re.compile(r"/[ip]/([^/?#]+)", re.IGNORECASE)
_DASH = r"\-\u2010-\u2015"
_GAP = rf"[\s{_DASH}\u00ad\u200b_.]"


def _inside(gap: str) -> re.Pattern[str]:
    group = rf"[{ALPHABET}]{{{_GROUP}}}"
    return re.compile(rf"(?<![{ALPHABET}])(?:{group}{gap}){{{_GROUPS - 1}}}{group}(?![{ALPHABET}])")


# As it was written first: a word of four letters before it must not be taken for its beginning.
_IN_TEXT = (_inside(rf"[{_DASH}]?"), _inside(rf"{_GAP}{{0,3}}"))


def write_code(random: bytes) -> str:
    """Return the code for `CODE_BYTES` random bytes as people see it, XXXX-XXXX and so on."""
    if len(random) != CODE_BYTES:
        raise ValueError(f"a code is made of {CODE_BYTES} bytes")
    number = int.from_bytes(random, "big")
    symbols = "".join(ALPHABET[number >> 5 * i & 31] for i in range(_SYMBOLS))
    return "-".join(symbols[i : i + _GROUP] for i in range(0, _SYMBOLS, _GROUP))


def read_code(text: str) -> str | None:
    """Find a code in what somebody sent; return it without dashes, or `None` if there is none.

    Understands the bare code however it was wrapped, a link that ends in it, and a code inside a
    sentence. That it is a real code is for the database to say.
    """
    link = _LINK.search(text)
    symbols = _symbols(link.group(1) if link else text)
    if len(symbols) == _SYMBOLS and set(symbols) <= set(ALPHABET):
        return symbols
    seen = text.upper().translate(_LOOK_ALIKES)
    inside = next((found for form in _IN_TEXT if (found := form.search(seen))), None)
    return _symbols(inside.group()) if inside else None


def _symbols(text: str) -> str:
    return re.sub(rf"{_GAP}+", "", text).upper().translate(_LOOK_ALIKES)


# --- rules ----------------------------------------------------------------------------------

MOST_PARENTS = 2


class Answer(StrEnum):
    """What a rule of this module answers; each has a text under the same name (§1.8)."""

    SELF = "E-SELF"
    PUPIL = "E-PUPIL"
    FULL = "E-FULL"
    EXPIRED = "E-EXPIRED"
    UNKNOWN = "E-UNKNOWN"
    ALREADY = "I-ALREADY"
    USED = "E-USED"


class AccessPolicy(StrEnum):
    """When a confirmed parent gets the rooms (D-1)."""

    IMMEDIATE = "immediate"
    ROSTER_OR_APPROVAL = "roster_or_approval"
    ALWAYS_APPROVAL = "always_approval"


@dataclass(frozen=True, slots=True)
class Invite:
    """An issued parent invite. Times are milliseconds since the epoch, UTC."""

    id: str
    school_id: str
    child_id: str
    issued_by: str
    """Id of the person who issued it: the child, a class teacher, an administrator."""
    expires_at: int
    revoked: bool = False
    issued_as: str = ""
    """The group by whose right it was issued (`access.group`); empty for the child's own."""
    for_person: str = ""
    """The only person it is for, vouched for by the school; empty for whoever holds it."""
    used_by: str = ""
    """The person first linked by it; empty while there is none."""


@dataclass(frozen=True, slots=True)
class Redeemer:
    """Who gave a code: the authenticated sender (S-34), never something in the link."""

    person_id: str
    """Empty for somebody the school does not know yet."""
    is_pupil: bool
    """False for an adult who studies here and for whom an administrator made an exception."""


def may_issue(child_id: str, links: Sequence[ParentLink]) -> Answer | None:
    """Tell why no further parent can be invited for the child; `None` when one can (S-53)."""
    held = sum(link.child_id == child_id for link in links)
    return Answer.FULL if held >= MOST_PARENTS else None


def may_redeem(  # noqa: PLR0911 - one answer a rule, in the order in which they hold
    invite: Invite | None,
    redeemer: Redeemer,
    links: Sequence[ParentLink],
    *,
    child_is_pupil: bool,
    now: int,
    grace: int = 0,
    issuer_may: bool = True,
    single_use: bool = False,
) -> Answer | None:
    """Tell why `redeemer` cannot confirm the child of `invite`; `None` when they can.

    Asked when the code is given and again inside the transaction that confirms (S-53). `links` are
    the child's live links. Every refusal leaves the invite as it was (I-5). What must not be told
    apart answers alike: never issued, revoked, child gone, issuer without the right by now
    (`issuer_may`, scenario 33), somebody else's (E-UNKNOWN). `grace` milliseconds are added to the
    invite's life for a dialogue that was opened in time (scenario 09). `single_use` is the policy
    under which the first parent uses an invite up (scenario 08).
    """
    if invite is None or invite.revoked or not child_is_pupil or not issuer_may:
        return Answer.UNKNOWN
    if invite.for_person not in {"", redeemer.person_id}:
        return Answer.UNKNOWN
    if any(link.parent_id == redeemer.person_id for link in links):
        return Answer.ALREADY
    if now >= invite.expires_at + grace:
        return Answer.EXPIRED
    if redeemer.person_id == invite.child_id:
        return Answer.SELF
    if redeemer.is_pupil:
        return Answer.PUPIL
    if single_use and invite.used_by not in {"", redeemer.person_id}:
        return Answer.USED
    return may_issue(invite.child_id, links)


def waits_after_confirming(
    policy: AccessPolicy, *, vouched: bool, child_decides: bool
) -> frozenset[Waits]:
    """Return whose word a link still waits for once the parent has confirmed (D-1, scenario 24).

    `vouched`: the roster names this person as a guardian with access, or somebody of the school
    issued the invite for this very person. `child_decides`: the pupil is old enough to be asked
    (`consent.child_decides`). Nothing to wait for means that the rooms open at once.
    """
    by_school = policy is AccessPolicy.ALWAYS_APPROVAL or (
        policy is AccessPolicy.ROSTER_OR_APPROVAL and not vouched
    )
    waits = {Waits.SCHOOL: by_school, Waits.CHILD: child_decides}
    return frozenset(who for who, needed in waits.items() if needed)
