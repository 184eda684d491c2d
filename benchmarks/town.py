"""The facts of an invented town: schools, their classes, and everybody in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CLASSES_A_SCHOOL, PUPILS_A_CLASS, TEACHERS_A_CLASS = 30, 25, 3
ROOMS_A_CLASS = ("class", "pupils", "parents", "materials")
DOMAIN = "school.example"


@dataclass(slots=True)
class Town:
    """The parts of a full push, and the Matrix ids of a few to ask about."""

    people: dict[str, list[str]] = field(default_factory=dict)
    kin: dict[str, list[str]] = field(default_factory=dict)
    rooms: dict[str, dict[str, Any]] = field(default_factory=dict)
    schools: dict[str, dict[str, Any]] = field(default_factory=dict)

    def push(self, generation: int, bot: str) -> dict[str, Any]:
        """Return the push of all of it."""
        return {
            "generation": generation,
            "kind": "full",
            "service": [bot],
            "ghost_prefix": "@sferum_",
            "people": self.people,
            "kin": self.kin,
            "rooms": self.rooms,
            "schools": self.schools,
        }


def build(people: int) -> Town:
    """Invent a town of at least so many people."""
    town = Town()
    number = 0
    while len(town.people) < people:
        _add_class(town, number)
        number += 1
    return town


def _add_class(town: Town, number: int) -> None:
    school_id, class_id = str(number // CLASSES_A_SCHOOL), str(number)
    school = town.schools.setdefault(school_id, {"classes": [], "contacts": {}})
    school["classes"].append(class_id)
    for pupil in range(PUPILS_A_CLASS):
        child = f"@pupil-{class_id}-{pupil}:{DOMAIN}"
        town.people[child] = [f"class/{class_id}/pupils"]
        town.kin[child] = [f"@parent-{class_id}-{pupil}-{n}:{DOMAIN}" for n in range(1 + pupil % 2)]
        for parent in town.kin[child]:
            town.people[parent] = [f"class/{class_id}/parents"]
    first = number // CLASSES_A_SCHOOL * CLASSES_A_SCHOOL
    for teacher in range(TEACHERS_A_CLASS):
        taught = {first + (number + teacher + 7 * step) % CLASSES_A_SCHOOL for step in range(6)}
        town.people[f"@teacher-{class_id}-{teacher}:{DOMAIN}"] = [
            f"school/{school_id}/staff",
            *(f"class/{one}/teachers" for one in sorted(taught)),
        ]
    for kind in ROOMS_A_CLASS:
        role = "parents" if kind == "parents" else "pupils"
        town.rooms[f"!{kind}-{class_id}-abcdefghijklmnopqrstuvwxyz"] = {
            "school": school_id,
            "kind": kind,
            "audience": [f"class/{class_id}/{role}", f"class/{class_id}/teachers"],
            "linked": kind == "pupils",
        }
