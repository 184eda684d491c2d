"""Reading homeserver.yaml and what it names, as Synapse reads them.

Synapse reads several files one over the other, each top-level setting of a later file replacing
the earlier one whole; a folder stands for its `*.yaml` in order. A worker reads the shared files,
and its own last. Errors name the file and the line and never quote it: it holds secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.doctor.needs import Config

USUAL = (
    *("homeserver.yaml", "synapse/homeserver.yaml"),
    "/etc/matrix-synapse/homeserver.yaml",
)
"""Where homeserver.yaml is looked for, from the folder of the bridge's settings on."""


class FileError(Exception):
    """A file cannot be used. `key` names the text that says so (`doctor-…`)."""

    def __init__(self, key: str, path: Path, line: int = 0) -> None:
        super().__init__(f"{path}: {key}")
        self.key = key
        self.path = path
        self.line = line


@dataclass(frozen=True, slots=True)
class Process:
    """One process of Synapse: the file it is known by, and the settings it runs with."""

    where: str
    config: Config
    own: Config = field(default_factory=dict)
    """Of a worker: what its own file says."""

    @property
    def name(self) -> str:
        """Return a worker's name, empty for the main process."""
        return str(self.own.get("worker_name") or "")


def usual(folder: Path) -> list[Path]:
    """Return the homeserver.yaml of an installation whose settings lie in `folder`, if found.

    Debian's package reads a folder beside it too.
    """
    found = next((folder / name for name in USUAL if (folder / name).is_file()), None)
    if found is None:
        return []
    more = found.with_name("conf.d")
    return (
        [found, more] if found.is_relative_to("/etc/matrix-synapse") and more.is_dir() else [found]
    )


def processes(shared: Sequence[Path], workers: Sequence[Path]) -> list[Process]:
    """Read the settings of the main process and of each worker. Raises `FileError`."""
    files = _files(shared)
    merged: dict[str, Any] = {}
    for path in files:
        merged |= mapping(path)
    found = [Process(str(files[0]) if files else "", merged)]
    for path in workers:
        own = mapping(path)
        found.append(Process(str(path), {**merged, **own}, own))
    return found


def _files(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        found += sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    return found


def mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file that is a list of settings. Raises `FileError`."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)  # as Synapse reads it: `off` is false
    try:
        data = yaml.load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileError("no-file", path) from None
    except (OSError, UnicodeDecodeError):
        raise FileError("unreadable", path) from None
    except MarkedYAMLError as e:
        key = "twice" if isinstance(e, DuplicateKeyError) else "no-yaml"
        raise FileError(key, path, e.problem_mark.line + 1 if e.problem_mark else 0) from None
    except YAMLError:
        raise FileError("no-yaml", path) from None
    if not isinstance(data, Mapping):
        raise FileError("no-settings", path)
    return {str(name): value for name, value in data.items()}


def named(text: object, beside: str) -> Path:
    """Return the file a setting names; one without a folder mostly lies beside homeserver.yaml."""
    path = Path(str(text))
    near = Path(beside).parent / path
    return path if path.is_absolute() or not near.exists() else near


def entries(value: object) -> list[Mapping[str, Any]]:
    """Return the mappings of a list, nothing of what is no list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
