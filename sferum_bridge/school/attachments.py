"""Which files pass between the two networks: by size, and by what kind of file it is (S-13).

What may pass is listed, and everything else is not: a list of dangerous kinds is never complete.
Both the name and the declared type have to be of an allowed kind, so neither alone lets a program
through. What is refused is told with its name and size; it stays where it is.
"""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum, unique

MEGABYTE = 1024 * 1024

# No SVG, which is a program to a browser, and no documents of the kinds that carry macros.
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
_UNKNOWN = "application/octet-stream"
_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_MOST_CHARACTERS = 200


@unique
class Verdict(StrEnum):
    """Whether a file may pass."""

    PASSES = "passes"
    TOO_BIG = "too-big"
    WRONG_KIND = "wrong-kind"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a school lets through."""

    most_bytes: int = 50 * MEGABYTE
    suffixes: frozenset[str] = SUFFIXES
    """Endings of names, in lower case, without the dot."""

    def of(self, name: str, mime: str, size: int) -> Verdict:
        """Judge a file by its name, its declared type and its size in bytes (0: not known yet)."""
        kind = plain_mime(mime)
        ending = suffix(name) or suffix(name_for(name, kind))
        if kind in _PROGRAMS or ending not in self.suffixes:
            return Verdict.WRONG_KIND
        return Verdict.TOO_BIG if size > self.most_bytes else Verdict.PASSES


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
