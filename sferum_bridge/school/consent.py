"""Who consents to what is done with a pupil's data, by age (requirements §3, scenario 24).

Below the age of consent a parent's confirmation carries it. From then on the pupil is asked as
well. An adult decides alone: parents stay linked, and the grown-up pupil may end it (D-10). Where
no date of birth is known nobody can be asked by age: the parent's confirmation has to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

ADULT = 18


def age(birth_date: date, day: date) -> int:
    """Return the full years of somebody on `day`; who was born on 29 February ages on 1 March."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def child_decides(birth_date: date | None, day: date, consent_age: int) -> bool:
    """Tell whether the pupil has to agree to a parent link too."""
    return birth_date is not None and age(birth_date, day) >= consent_age


def is_adult(birth_date: date | None, day: date) -> bool:
    """Tell whether somebody is known to be of age."""
    return birth_date is not None and age(birth_date, day) >= ADULT
