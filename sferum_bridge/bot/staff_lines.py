"""What an order changes, in words: for whoever orders it and for whoever it concerns."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sferum_bridge.school.staffing import Caution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.school.people import School
    from sferum_bridge.school.staffing import Notice


def change(
    talk: Talk,
    language: str,
    here: School,
    row: Mapping[str, str],
    labels: Mapping[str, str] | None = None,
) -> Text:
    """Return one change as a line, `row` being of `store.staffing.described`."""
    person = here.people.get(row["person_id"])
    name = (labels or {}).get(row["person_id"]) or (person.full_name if person else "—")
    of_class = here.classes.get(row["class_id"])
    key = row["post"] or row["kind"]
    names = {"class": of_class.name if of_class else ""}
    what = talk.texts.text(
        language,
        f"staffing-tie-{key}",
        **names,
        has_subject=int(bool(row["subject"])),
        subject=row["subject"],
    ).body
    days = {key: date.fromisoformat(row[key]) for key in ("since", "until") if row[key]}
    open_ended = row["what"] == "begins" and "until" not in days
    key = "staffing-begins-open" if open_ended else f"staffing-{row['what']}"
    return talk.texts.text(language, key, name=name, what=what, **days)


def notice(talk: Talk, here: School, about: Notice) -> Text:
    """Return a caution as a paragraph."""
    of_class = here.classes.get(about.class_id)
    names = {"class": of_class.name if of_class else ""}
    leading = ""
    if about.caution is Caution.LED and about.day is not None:
        leading = ", ".join(_names(here, leaders(here, about.class_id, about.day)))
    key = f"staffing-notice-{about.caution.value}"
    return talk.text(key, **names, names=leading, day=about.day)


def _names(here: School, ids: Sequence[str]) -> Sequence[str]:
    return [here.people[id_].full_name for id_ in ids]


def leaders(here: School, class_id: str, day: date) -> Sequence[str]:
    """Return the ids of those who lead a class on a day."""
    ties = (tie for tie in here.leaderships if tie.class_id == class_id)
    return sorted({tie.person_id for tie in ties if tie.term.covers(day)})
