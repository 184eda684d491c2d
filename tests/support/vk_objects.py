"""VK's objects as hypothesis makes them up: laid out as VK does, and now and then not.

Each strategy gives what is right for the most part, so that what is made goes deep, and something
else in any place: a value of another type or size, one too many, one missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.support import hostile

if TYPE_CHECKING:
    from collections.abc import Mapping

Strategy = st.SearchStrategy[Any]

PEER, ME, OTHER = 2_000_000_001, 700_001, 700_002
FILE = "https://sun9-1.userapi.com/a"
CODES = (
    *(2, 3, 4, 5, 6, 7, 19, 51, 52, 61, 62, 63, 64, 601, 602),
    *(10002, 10003, 10004, 10005, 10006, 10007, 10013, 10018, 10019),
)

_texts = st.one_of(st.text(st.characters(), max_size=30), st.sampled_from(hostile.TEXTS[:15]))
_huge = st.sampled_from([2**31, 2**53 + 1, 2**63, -(2**63), -(2**63) - 1, 10**300])
_numbers = st.one_of(st.integers(), _huge, st.floats(), st.booleans(), st.none())
_odd = st.recursive(
    st.one_of(_numbers, _texts, st.integers().map(str)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["items", "type", "text", "id", "url"]), inner, max_size=4),
    ),
    max_leaves=8,
)


def mostly(right: Strategy) -> Strategy:
    """Give what is right, or now and then anything."""
    return st.integers(0, 15).flatmap(lambda chance: right if chance else _odd)


def shape(**members: Strategy) -> Strategy:
    """Give an object with some of its members, each mostly right, and one that nobody knows."""
    known: Mapping[str, Strategy] = {key: mostly(right) for key, right in members.items()}
    return mostly(st.fixed_dictionaries({}, optional={**known, "unheard_of": _odd}))


def some(right: Strategy, most: int = 4) -> Strategy:
    """Give a list of what is right for the most part."""
    return mostly(st.lists(mostly(right), max_size=most))


users = st.sampled_from([ME, OTHER, -5, 1, 100])
cmids = st.integers(1, 50)
moments = st.integers(0, 2**33)
counts = st.integers(-1, 5000)
flags = st.sampled_from([0, 1, True, False, "1"])
texts = st.one_of(
    _texts, st.sampled_from(["привет", "[id5|Анна] @all", "[https://a.example|тут]", "&lt;b&gt;"])
)
urls = st.sampled_from([FILE, FILE, "https://a.example/x?y=1", "http://127.0.0.1:1/", "x:y"])
styles = shape(
    version=st.just(1),
    items=some(
        shape(
            type=st.sampled_from(["bold", "italic", "underline", "url"]),
            offset=counts,
            length=counts,
            url=urls,
        )
    ),
)
pictures = shape(
    url=urls, src=urls, width=counts, height=counts, type=st.sampled_from(list("smxyzw"))
)
keyboards = shape(buttons=some(some(shape(action=shape(type=texts, label=texts)))))

_OWNED = {"owner_id": users, "id": st.integers(1, 10**9), "access_key": st.just("abc")}
_VOICE = {
    "link_ogg": urls, "link_mp3": urls, "duration": counts,
    "waveform": some(st.integers(0, 40), 20), "transcript": texts,
    "transcript_state": st.sampled_from(["done", "in_progress"]),
}  # fmt: skip
_KINDS: Mapping[str, Strategy] = {
    "photo": shape(**_OWNED, sizes=some(pictures), orig_photo=pictures),
    "doc": shape(
        **_OWNED, title=texts, ext=st.sampled_from(["pdf", "exe", "../x"]), size=counts, url=urls,
        preview=shape(audio_msg=shape(**_VOICE), graffiti=pictures),
    ),
    "audio_message": shape(**_OWNED, **_VOICE),
    "graffiti": shape(**_OWNED, url=urls, width=counts, height=counts),
    "video": shape(
        **_OWNED, title=texts, description=texts, player=urls, duration=counts, width=counts,
        height=counts, files=shape(mp4_240=urls, mp4_720=urls, external=urls),
    ),
    "sticker": shape(sticker_id=counts, images=some(pictures)),
    "link": shape(url=urls, title=texts, description=texts, caption=texts),
    "poll": shape(
        **_OWNED, question=texts, answers=some(shape(text=texts, votes=counts)),
        anonymous=flags, multiple=flags, closed=flags,
    ),
    "call": shape(
        state=st.sampled_from(["reached", "canceled_by_receiver"]), duration=counts, video=flags,
        participants=shape(count=counts),
    ),
    "group_call_in_progress": shape(join_link=urls, participants=shape(count=counts)),
    "audio": shape(**_OWNED, artist=texts, title=texts, url=urls, duration=counts),
    "market": shape(**_OWNED, title=texts),
    "hologram": shape(**_OWNED, view_url=urls, title=texts),
}  # fmt: skip


def _attachment(inner: Strategy) -> Strategy:
    post = shape(
        **_OWNED, from_id=users, text=texts, attachments=some(inner), copy_history=some(inner)
    )
    kinds = {**_KINDS, "wall": post}
    return st.sampled_from(sorted(kinds)).flatmap(
        lambda kind: st.fixed_dictionaries({"type": mostly(st.just(kind)), kind: kinds[kind]})
    )


attachments = _attachment(_attachment(st.nothing() | _odd))
actions = shape(
    type=st.sampled_from([
        "chat_create", "chat_title_update", "chat_invite_user", "chat_kick_user",
        "chat_pin_message", "chat_unpin_message", "chat_group_call_started", "что-то",
    ]),
    member_id=users,
    text=texts,
    conversation_message_id=cmids,
)  # fmt: skip


def _body(**more: Strategy) -> dict[str, Strategy]:
    return {
        "from_id": users, "date": moments, "text": texts, "format_data": styles,
        "attachments": some(attachments), "keyboard": keyboards, "geo": shape(
            coordinates=shape(latitude=st.floats(-99, 99), longitude=st.floats(-199, 199)),
            place=shape(title=texts),
        ),
        **more,
    }  # fmt: skip


_forwards = shape(**_body(fwd_messages=some(shape(**_body()), 2)))
_MEMBERS = _body(
    random_id=st.integers(-(2**31), 2**31),
    out=flags,
    fwd_messages=some(_forwards, 2),
    reply_message=shape(**_body(conversation_message_id=cmids, peer_id=st.just(PEER))),
    reactions=some(shape(reaction_id=st.integers(1, 16), count=counts, user_ids=some(users))),
    is_unavailable=flags,
)


def messages(**named: Strategy) -> Strategy:
    """Give message objects. `named` are members that each of them has, as they are given here."""
    rest = {key: mostly(right) for key, right in _MEMBERS.items() if key not in named}
    rest["action"] = mostly(st.one_of(st.none(), st.none(), actions))
    return st.fixed_dictionaries(named, optional={**rest, "unheard_of": _odd})


_additional = shape(
    **{"from": users.map(str), "format_data": styles, "keyboard": keyboards, "has_template": flags},
    is_expired=st.sampled_from([0, 0, 1]),
    source_act=st.sampled_from(["chat_kick_user", "chat_title_update", ""]),
    source_mid=users,
    source_text=texts,
    source_chat_local_id=cmids,
)
_attached = shape(
    attach1_type=st.sampled_from(["photo", "doc", "sticker"]),
    attach1=st.just("1_1"),
    attach1_kind=st.sampled_from(["audiomsg", "graffiti"]),
    fwd=st.just("0_0"),
    reply=shape(conversation_message_id=cmids),
    geo=texts,
)
_masks = st.sampled_from([0, 1, 2, 3, 64, 128, 8192, 131_072, 131_200])
_tails = st.tuples(
    *map(mostly, (moments, texts, _additional, _attached, st.integers(0, 9), cmids, moments))
).map(list)
_reacted = st.lists(mostly(st.integers(0, 9)), max_size=12)


def _update(code: int) -> Strategy:
    peer, mine = mostly(st.just(PEER)), mostly(st.integers(900, 950))
    heads: Mapping[int, tuple[Strategy, ...]] = {
        10004: (mostly(cmids), mostly(_masks), mine, peer),
        10005: (mostly(cmids), mostly(_masks), peer),
        10018: (mostly(cmids), mostly(_masks), peer),
        10002: (mostly(cmids), mostly(_masks), peer),
        10003: (mostly(cmids), mostly(_masks), peer),
        10006: (peer, mostly(cmids)),
        10007: (peer, mostly(cmids)),
        10019: (mostly(cmids), peer),
        601: (mostly(st.integers(1, 4)), peer, mostly(cmids)),
        52: (mostly(st.integers(1, 12)), peer),
        63: (peer, some(users)),
    }
    head = st.tuples(st.just(code), *heads.get(code, (mine, mostly(_masks), peer))).map(list)
    tail = _reacted if code == 601 else _tails
    return st.tuples(head, tail).map(lambda parts: parts[0] + parts[1])


def _cut(update: Any) -> Strategy:
    return st.integers(0, len(update)).map(lambda length: update[:length])


def updates() -> Strategy:
    """Give updates of the long poll, of every code and length."""
    known = st.sampled_from(CODES).flatmap(_update)
    return mostly(st.one_of(known, known, known.flatmap(_cut)))
