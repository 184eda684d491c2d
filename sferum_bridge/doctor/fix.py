"""What is wrong, as a block of YAML to paste into homeserver.yaml.

A section that stands in the file already would replace, or be replaced by, one of the same name.
So a section of the block is whole: the plain values of the file's own go along. What is no plain
value may hold a secret; it is left for the reader to keep.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.representer import RoundTripRepresenter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sferum_bridge.doctor.needs import Config
    from sferum_bridge.doctor.report import Finding


def block(
    findings: Sequence[Finding],
    config: Config,
    comment: Callable[[str, Mapping[str, str]], Iterable[str]],
) -> str:
    """Return the block, empty where nothing is to be pasted.

    `comment` gives the lines to put above a section: what the text `key` says with its values.
    """
    wanted = CommentedMap()
    comments: dict[str, list[str]] = {}
    for finding in findings:
        for section, value in (finding.fix or {}).items():
            lines = comments.setdefault(section, [])
            lines += [line for line in comment(finding.says, finding.values) if line not in lines]
            if isinstance(value, dict):
                _add(wanted.setdefault(section, CommentedMap()), value)
            else:
                wanted[section] = value
    for section, value in wanted.items():
        if isinstance(value, dict) and isinstance(config.get(section), dict):
            own = config[section]
            kept = {k: v for k, v in own.items() if isinstance(v, bool | int) and k not in value}
            value.update(kept)
            rest = sorted(str(k) for k in own if k not in value)
            if rest:
                comments[section] += comment("fix-keep", {"names": ", ".join(rest)})
        if section == "modules":
            comments[section] += comment("fix-modules", {})
    for section, lines in comments.items():
        wanted.yaml_set_comment_before_after_key(section, before="\n".join(lines))
    if not wanted:
        return ""
    return _written(wanted)


def line(fix: Mapping[str, Any]) -> str:
    """Return the lines of one finding."""
    return _written(dict(fix)).rstrip("\n")


def _add(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict):
            _add(into.setdefault(key, CommentedMap()), value)
        else:
            into[key] = value


def _written(value: Any) -> str:
    yaml = YAML()
    yaml.width = 10_000
    yaml.Representer = _Plain
    out = io.StringIO()
    yaml.dump(value, out)
    return out.getvalue()


class _Plain(RoundTripRepresenter):
    """Writes `null`: a name with nothing behind it looks as if something was forgotten."""

    def nothing(self, _value: None) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_Plain.add_representer(type(None), _Plain.nothing)
