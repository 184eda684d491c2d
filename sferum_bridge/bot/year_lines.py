"""The words in which a school year is shown before it is opened: for the chat and for the console.

In the chat classes and whoever is singled out stand in the message, and all the rest in a file;
the console makes tables of the same lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot.texts import bullets, fitting, paragraphs
from sferum_bridge.school.year import Ambiguity, Fate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.bot.texts import Text, Texts
    from sferum_bridge.school.layout import Kind
    from sferum_bridge.school.people import School
    from sferum_bridge.school.year import Problem
    from sferum_bridge.school.year_preview import Move, Preview, RoomChange
    from sferum_bridge.store.batches import Undone

_MOST = 60
"""Lines of one list in the chat."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Says what a preview shows, in one language."""

    texts: Texts
    language: str
    here: School

    def text(self, key: str, /, **values: Any) -> Text:
        """Return a text."""
        return self.texts.text(self.language, key, **values)

    # --- problems ---------------------------------------------------------------------------

    def problem(self, problem: Problem) -> Text:
        """Say why the year cannot be opened, and what to do."""
        names = list(problem.names)
        first, others = (names[0] if names else ""), ", ".join(names[1:])
        person = self._name(problem.person_id) if problem.person_id else ""
        key = f"year-problem-{problem.why.value}"
        example = self._example(problem, names)
        return self.text(key, name=first, others=others, person=person, example=example)

    def _example(self, problem: Problem, names: Sequence[str]) -> str:
        if problem.why is Ambiguity.TWO_TO_ONE:
            return f"{'+'.join(names[1:])}={names[0]}"
        return f"{names[0]}={names[0]}" if names else ""

    # --- what changes -----------------------------------------------------------------------

    def steps(self, preview: Preview) -> Sequence[Text]:
        """Say what becomes of every class."""
        pupils: dict[str, int] = {}
        for tie in preview.then.enrolments:
            if tie.term.covers(preview.plan.day):
                pupils[tie.class_id] = pupils.get(tie.class_id, 0) + 1
        found = []
        for step in preview.plan.steps:
            values = {"class": step.name, "becomes": step.becomes}
            key = f"year-step-{step.fate.value}"
            if step.fate is Fate.PROMOTED and step.name == step.becomes:
                key = "year-step-same"
            found.append(self.text(key, **values, pupils=pupils.get(step.class_id, 0)))
        return found

    def pupils(self, preview: Preview, *, singled_out: bool) -> Sequence[Text]:
        """Say who changes class: those who are singled out, or those who go with their class."""
        moves = [move for move in preview.pupils if move.singled_out is singled_out]
        return [self._move(move, preview, "year-pupil") for move in self._sorted(moves)]

    def leaders(self, preview: Preview) -> Sequence[Text]:
        """Say who leads a class no more, and who from now on."""
        return [self._move(move, preview, "year-leader") for move in self._sorted(preview.leaders)]

    def unled(self, preview: Preview) -> Sequence[Text]:
        """Say which classes will have no class teacher."""
        names = [preview.then.classes[id_].name for id_ in preview.plan.unled]
        return [self.text("year-unled", names=", ".join(sorted(names)))] if names else []

    def rooms(self, preview: Preview) -> Sequence[Text]:
        """Say what happens to every room, with who comes and who goes."""
        return [self._room(change) for change in preview.rooms]

    def _room(self, change: RoomChange) -> Text:
        now = self.room(change.kind, change, then=True)
        key = "closes" if change.closes else "new" if change.before is None else "stays"
        key = "renamed" if key == "stays" and change.is_renamed else key
        joins, leaves = (", ".join(self._names(ids)) for ids in (change.joins, change.leaves))
        before = self.room(change.kind, change, then=False) if change.before else ""
        return self.text(
            f"year-room-{key}",
            before=before,
            now=now,
            joins=joins or "—",
            leaves=leaves or "—",
            joining=len(change.joins),
            leaving=len(change.leaves),
        )

    def room(self, kind: Kind, change: RoomChange, *, then: bool) -> str:
        """Return what a room is called, today or then."""
        of_class = change.now if then else change.before
        return self.texts.room_name(kind, of_class, self.here.name, self.language)

    def _move(self, move: Move, preview: Preview, key: str) -> Text:
        left, entered = self.here.classes.get(move.from_id), preview.then.classes.get(move.to_id)
        way = "moves" if left and entered else "leaves" if left else "comes"
        return self.text(
            f"{key}-{way}",
            person=self._name(move.person_id),
            left=left.name if left else "",
            entered=entered.name if entered else "",
        )

    def _sorted(self, moves: Sequence[Move]) -> Sequence[Move]:
        def order(move: Move) -> tuple[str, str]:
            left = self.here.classes.get(move.from_id)
            return left.name if left else "", self._name(move.person_id)

        return sorted(moves, key=order)

    def _names(self, ids: Sequence[str]) -> Sequence[str]:
        return sorted(self._name(id_) for id_ in ids)

    def _name(self, person_id: str) -> str:
        person = self.here.people.get(person_id)
        return f"{person.family_name} {person.given_name}".strip() if person else person_id

    # --- as a whole -------------------------------------------------------------------------

    def sections(self, preview: Preview) -> Sequence[tuple[str, Sequence[Text]]]:
        """Return everything a plan changes: the key of a heading, and its lines."""
        return [
            ("year-left-out", [self.problem(one) for one in preview.plan.left_out]),
            ("year-classes", self.steps(preview)),
            ("year-singled-out", self.pupils(preview, singled_out=True)),
            ("year-with-class", self.pupils(preview, singled_out=False)),
            ("year-leaders", [*self.leaders(preview), *self.unled(preview)]),
            ("year-rooms", self.rooms(preview)),
        ]

    def short(self, preview: Preview) -> Text:
        """Return what the chat shows: classes, whoever is singled out, class teachers, counts."""
        parts = []
        for key, lines in self.sections(preview)[:-1]:
            if lines and key != "year-with-class":
                shown = fitting(lines[:_MOST])
                more = len(lines) - len(shown)
                parts += [self.text(key), bullets(shown)]
                parts += [self.text("year-more", more=more)] if more else []
        rooms, moves = preview.rooms, preview.pupils
        parts.append(
            self.text(
                "year-counts",
                moves=len(moves),
                rooms=len(rooms),
                joins=sum(len(one.joins) for one in rooms),
                leaves=sum(len(one.leaves) for one in rooms),
            )
        )
        return paragraphs(parts)

    def whole(self, preview: Preview) -> str:
        """Return everything as a text for a file."""
        written = []
        for key, lines in self.sections(preview):
            if lines:
                written += [self.text(key).body, *(f"  {line.body}" for line in lines), ""]
        return "\n".join(written)

    def undone(self, done: Undone) -> Text:
        """Say what an undo did, and what it had to leave."""
        parts = [self.text("year-undone", year=done.batch.label, count=done.restored)]
        if done.left:
            lines = [
                self.text(
                    "year-undone-left",
                    what=one.name or self._name(one.person_id) or one.table,
                    why=self.text(f"year-left-{one.why.value.replace('_', '-')}").body,
                )
                for one in done.left[:_MOST]
            ]
            parts += [self.text("year-undone-but"), bullets(fitting(lines))]
        return paragraphs(parts)
