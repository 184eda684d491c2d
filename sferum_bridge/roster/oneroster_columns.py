"""The files of OneRoster 1.1 and 1.2 (§4.1): which there are, their columns in order.

Names are case-sensitive and come in this order; a column whose name begins with `metadata.` may
stand at the right end. What is marked has to have a value; `status` and `dateLastModified` have to
in a file of changes, and are blank in a full one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

V11, V12 = "1.1", "1.2"
STATUS, MODIFIED = "status", "dateLastModified"
METADATA = "metadata."


def _columns(written: str) -> tuple[str, ...]:
    """Return names of columns; one that begins with `*` has to have a value."""
    first, *rest = written.split()
    return (first, STATUS, MODIFIED, *rest)


_SHARED: Mapping[str, tuple[str, ...]] = {
    "orgs": _columns("*sourcedId *name *type identifier parentSourcedId"),
    "academicSessions": _columns(
        "*sourcedId *title *type *startDate *endDate parentSourcedId *schoolYear"
    ),
    "courses": _columns(
        "*sourcedId schoolYearSourcedId *title courseCode grades *orgSourcedId subjects "
        "subjectCodes"
    ),
    "classes": _columns(
        "*sourcedId *title grades *courseSourcedId classCode *classType location *schoolSourcedId "
        "*termSourcedIds subjects subjectCodes periods"
    ),
    "enrollments": _columns(
        "*sourcedId *classSourcedId *schoolSourcedId *userSourcedId *role primary beginDate endDate"
    ),
    "demographics": _columns(
        "*sourcedId birthDate sex americanIndianOrAlaskaNative asian blackOrAfricanAmerican "
        "nativeHawaiianOrOtherPacificIslander white demographicRaceTwoOrMoreRaces "
        "hispanicOrLatinoEthnicity countryOfBirthCode stateOfBirthAbbreviation cityOfBirth "
        "publicSchoolResidenceStatus"
    ),
}
TABLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    V11: {
        **_SHARED,
        "users": _columns(
            "*sourcedId *enabledUser *orgSourcedIds *role *username userIds *givenName *familyName "
            "middleName identifier email sms phone agentSourcedIds grades password"
        ),
    },
    V12: {
        **_SHARED,
        "users": _columns(
            "*sourcedId *enabledUser *username userIds *givenName *familyName middleName "
            "identifier email sms phone agentSourcedIds grades password userMasterIdentifier "
            "resourceSourcedIds preferredGivenName preferredMiddleName preferredFamilyName "
            "primaryOrgSourcedId pronouns"
        ),
        "roles": _columns(
            "*sourcedId *userSourcedId *roleType *role beginDate endDate *orgSourcedId "
            "userProfileSourcedId"
        ),
    },
}
"""What is read, by version and file."""

MAY_LACK: Mapping[str, frozenset[str]] = {
    "users": frozenset(("resourceSourcedIds",)),
}
"""Columns that only some revisions of a version have."""

IGNORED: Mapping[str, Sequence[str]] = {
    V11: ("categories", "classResources", "courseResources", "lineItems", "resources", "results"),
    V12: (
        "categories", "classResources", "courseResources", "lineItemLearningObjectiveIds",
        "lineItemScoreScales", "lineItems", "resources", "resultLearningObjectiveIds",
        "resultScoreScales", "results", "scoreScales", "userProfiles", "userResources",
    ),
}  # fmt: skip
"""What is allowed to be there and of no use here: gradebooks, resources, log-ins elsewhere."""

PERSONAL: Mapping[str, frozenset[str]] = {
    "users": frozenset(("password", "pronouns")),
    "demographics": frozenset(
        name.lstrip("*")
        for name in _SHARED["demographics"]
        if name not in ("*sourcedId", STATUS, MODIFIED, "birthDate")
    ),
}
"""What a school messenger must not hold: never kept, and said so."""
