"""Write every shipped file that is made from code: `make config`. Tests hold them against it."""

from __future__ import annotations

from pathlib import Path

from scripts import contour
from sferum_bridge import config
from sferum_bridge.cli.setup import example_registrations
from sferum_bridge.roster import write_sample, write_template

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Write them."""
    settings = ROOT / "config"
    (settings / "example-config.yaml").write_text(config.example(), encoding="utf-8")
    (ROOT / "registration.yaml.example").write_text(example_registrations(), encoding="utf-8")
    described = ROOT / "docs" / "contour.md"
    described.write_text(contour.filled(described.read_text(encoding="utf-8")), encoding="utf-8")
    write_template(settings)
    write_sample(settings / "demo-school.xlsx")


if __name__ == "__main__":
    main()
