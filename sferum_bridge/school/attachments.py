"""Which files pass between the two networks: by size, and by what kind of file it is (S-13).

What may pass is listed, and everything else is not: a list of dangerous kinds is never complete.
Both the name and the declared type have to be of an allowed kind, so neither alone lets a program
through; what a file holds, whatever it is called, `contents` looks at. What is refused is told with
the reason; it stays where it is.
"""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MEGABYTE = 1024 * 1024

# No SVG, which is a program to a browser, and none of the kinds of documents that are named for
# their macros. Those of older Office may carry some: they are what schools have, and who opens one
# is asked first.
_SEEN_AND_HEARD = (
    "jpg jpeg png gif webp bmp tif tiff heic heif avif "
    "mp3 m4a aac ogg oga opus wav flac weba mid mp4 m4v mov webm mkv avi 3gp ogv mpg mpeg"
)
_DOCUMENTS = (
    "pdf txt md csv tsv rtf odt ods odp odg doc docx xls xlsx ppt pptx pages numbers key "
    "epub fb2 djvu djv tex json xml vcf ics"
)
# What pupils hand in: sheets of geometry, Scratch, source code; archives of all that.
_WORKS = "ggb sb sb2 sb3 py ipynb pas cpp c h java cs kt sql zip 7z rar tar gz"
SUFFIXES = frozenset(f"{_SEEN_AND_HEARD} {_DOCUMENTS} {_WORKS}".split())
"""Endings of names that may pass, unless the settings say otherwise."""
_OF_WINDOWS = (
    "exe com scr pif bat cmd msi msp msix appx cpl dll sys ocx lnk reg inf url scf gadget chm "
    "vb vbs vbe js jse ws wsf wsh wsc sct msc hta ps1 psm1 psd1 "
    "xll appinstaller diagcab iso img vhd vhdx"
)
_OF_OTHERS = (
    "jar jnlp apk apks apkm xapk aab ipa dex app dmg pkg command "
    "deb rpm appimage run elf so sh bash csh"
)
_MACROS = "docm dotm xlsm xltm xlam pptm potm ppsm sldm"
PROGRAM_SUFFIXES = frozenset(f"{_OF_WINDOWS} {_OF_OTHERS} {_MACROS}".split())
"""Endings of what runs when it is opened, documents with macros among them."""

_PROGRAMS = frozenset(
    {
        "application/vnd.android.package-archive",
        "application/vnd.microsoft.portable-executable",
        "application/x-dosexec",
        "application/x-elf",
        "application/x-executable",
        "application/x-ms-dos-executable",
        "application/x-ms-installer",
        "application/x-msdos-program",
        "application/x-msdownload",
        "application/x-msi",
        "application/x-sh",
        "application/x-sharedlib",
        "application/hta",
        "application/java-archive",
        "application/x-java-archive",
        "application/javascript",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/html",
        "text/javascript",
    }
)
_ERRCODE = "IO.GITHUB.SFERUM_BRIDGE.FILE_"
_UNKNOWN = "application/octet-stream"
_ENDING = re.compile(r"(?=[0-9]*[a-z])[a-z0-9]{1,12}")
_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_MOST_CHARACTERS = 200


@unique
class Verdict(StrEnum):
    """Whether a file may pass."""

    PASSES = "passes"
    TOO_BIG = "too-big"
    WRONG_KIND = "wrong-kind"


@unique
class Refusal(StrEnum):
    """Why the homeserver takes no file, or lets none be shown."""

    WRONG_KIND = "wrong-kind"
    TOO_BIG = "too-big"
    ENCRYPTED = "encrypted"
    """Shown with the key to it, where nobody can look into it."""
    PROGRAM = "program"
    HOLDS_PROGRAM = "holds-program"
    SEALED = "sealed"
    VIRUS = "virus"
    UNSCANNED = "unscanned"
    """The scanner did not answer, so nobody knows. May be tried again."""
    ANEW = "anew"
    """Nobody looked at it here, or it is not the writer's to show. May be put up by them anew."""

    @property
    def errcode(self) -> str:
        """Return it as Matrix' error code."""
        return _ERRCODE + self.name


def refusal_of(errcode: str) -> Refusal | None:
    """Return what an error code of the homeserver means, `None` where it is about no file."""
    name = errcode.removeprefix(_ERRCODE)
    return Refusal.__members__.get(name) if name != errcode else None


@dataclass(frozen=True, slots=True)
class Policy:
    """What a school lets through."""

    most_bytes: int = 50 * MEGABYTE
    suffixes: frozenset[str] = SUFFIXES
    """Endings of names, in lower case, without the dot."""

    def of(self, name: str, mime: str, size: int) -> Verdict:
        """Judge a file by its name, its declared type and its size in bytes (0: not known yet)."""
        kind = plain_mime(mime)
        ending = suffix(name)
        if not _ENDING.fullmatch(ending):
            # «Снимок 12.05.2026» ends in no kind of file: the type alone says what it is.
            ending = (mimetypes.guess_extension(kind, strict=False) or "").removeprefix(".")
        if ending not in self.suffixes or _is_type_of_program(kind, self.suffixes):
            return Verdict.WRONG_KIND
        return Verdict.TOO_BIG if size > self.most_bytes else Verdict.PASSES


@dataclass(frozen=True, slots=True)
class Policies:
    """What may pass in each kind of room."""

    general: Policy = Policy()
    of_kind: Mapping[str, Policy] = field(default_factory=dict)
    """`layout.Kind` as text → what is otherwise there."""
    sealed_pass: bool = False
    """Whether archives pass that nobody can look into: with a password, RAR, 7z."""

    def of_room(self, kind: str) -> Policy:
        """Return what holds in rooms of a kind."""
        return self.of_kind.get(kind, self.general)

    @property
    def passing(self) -> frozenset[str]:
        """Return the endings of programs that pass somewhere all the same."""
        everywhere = self.general.suffixes.union(*(one.suffixes for one in self.of_kind.values()))
        return PROGRAM_SUFFIXES & everywhere

    def to_json(self) -> dict[str, Any]:
        """Write it down as `from_json` reads it."""
        rooms = {"": self.general, **self.of_kind}
        return {
            "sealed": self.sealed_pass,
            "rooms": {
                kind: {"bytes": one.most_bytes, "kinds": sorted(one.suffixes)}
                for kind, one in rooms.items()
            },
        }


def from_json(data: Any) -> Policies:
    """Read what `Policies.to_json` wrote. Raises `ValueError` for anything else."""
    if not isinstance(data, dict) or set(data) != {"sealed", "rooms"}:
        raise ValueError("needs exactly sealed and rooms")
    rooms = data["rooms"]
    if type(data["sealed"]) is not bool or not isinstance(rooms, dict) or "" not in rooms:
        raise ValueError("sealed is true or false, rooms have one without a name")
    read = {str(kind): _policy(one) for kind, one in rooms.items()}
    return Policies(read.pop(""), read, data["sealed"])


def _policy(data: Any) -> Policy:
    if not isinstance(data, dict) or set(data) != {"bytes", "kinds"}:
        raise ValueError("a room needs exactly bytes and kinds")
    most, kinds = data["bytes"], data["kinds"]
    if type(most) is not int or not isinstance(kinds, list):
        raise ValueError("bytes is a number, kinds a list")
    return Policy(most, frozenset(str(kind) for kind in kinds))


def is_program(name: str, mime: str, passing: frozenset[str] = frozenset()) -> bool:
    """Tell whether a file is a program by its name or its type; `passing` endings are none."""
    by_name = suffix(name) in PROGRAM_SUFFIXES - passing
    return by_name or _is_type_of_program(plain_mime(mime), passing)


def _is_type_of_program(kind: str, passing: frozenset[str]) -> bool:
    endings = mimetypes.guess_all_extensions(kind, strict=False) if kind in _PROGRAMS else ()
    return kind in _PROGRAMS and not passing & {ending.removeprefix(".") for ending in endings}


def safe_name(name: str) -> str:
    """Return a file's name as one that shows what it is: no folders, nothing unseen or turned.

    An ending is kept where a long name is cut.
    """
    seen = "".join(" " if c.isspace() else c for c in name)
    kept = "".join(c for c in seen if unicodedata.category(c)[0] != "C")
    last = " ".join(kept.replace("\\", "/").rpartition("/")[2].split()).strip(". ")
    if len(last) <= _MOST_CHARACTERS:
        return last
    ending = suffix(last)
    tail = f"….{ending}" if ending and len(ending) < _MOST_CHARACTERS // 2 else "…"
    return last[: _MOST_CHARACTERS - len(tail)] + tail


def name_for(name: str, mime: str, otherwise: str = "file") -> str:
    """Return a safe name with an ending, made of the type where the messenger gave none."""
    safe = safe_name(name) or otherwise
    if suffix(safe):
        return safe
    ending = mimetypes.guess_extension(plain_mime(mime), strict=False) or ""
    return safe + ending


def mime_for(name: str, mime: str) -> str:
    """Return the type to declare: the messenger's word, else what the name's ending means."""
    kind = plain_mime(mime)
    if kind in {"", _UNKNOWN}:
        return mimetypes.guess_type(f"x.{suffix(name)}", strict=False)[0] or _UNKNOWN
    return kind


def plain_mime(mime: str) -> str:
    """Return a type without parameters, in lower case; empty for what is no type."""
    kind = mime.partition(";")[0].strip().lower()
    return kind if _MIME.fullmatch(kind) else ""


def is_shown(mime: str, group: str) -> bool:
    """Tell whether a type is of a group that clients show: `image`, `audio`, `video`."""
    return plain_mime(mime).startswith(f"{group}/")


def suffix(name: str) -> str:
    """Return the ending of a name, in lower case; empty where there is none."""
    kept = "".join(c for c in name if unicodedata.category(c)[0] != "C").strip(". \t\n\r")
    stem, _, ending = kept.rpartition(".")
    return ending.strip().lower() if stem else ""
