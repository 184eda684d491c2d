"""`sferum-bridge config` and `registration`: the files an installation needs."""

from __future__ import annotations

import io
from pathlib import Path

import click
from ruamel.yaml import YAML

from sferum_bridge.cli.common import config_option, read_config
from sferum_bridge.config import GENERATE, Config, ConfigError, ensure, example, write_private
from sferum_bridge.matrix.registration import double_puppet, own


@click.command()
@click.option("--output", type=click.Path(path_type=Path), help="Write or bring up to date.")
def config(output: Path | None) -> None:
    """Write a commented settings file, or add what is missing to an older one.

    Secrets that say `generate` get random values. Without --output the example is printed.
    """
    if output is None:
        click.echo(example(), nl=False)
        return
    try:
        ensure(output)
    except ConfigError as e:
        raise click.ClickException(str(e)) from e
    click.echo(f"{output} is complete. Look through it, then: sferum-bridge registration")


@click.command()
@config_option
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where the two files go.",
)
def registration(config_path: Path, folder: Path) -> None:
    """Write the two appservice registrations for homeserver.yaml."""
    settings = read_config(config_path)
    for path in write_registrations(settings, folder):
        click.echo(f"Wrote {path}. List it in homeserver.yaml under app_service_config_files.")


def write_registrations(settings: Config, folder: Path) -> list[Path]:
    """Write both registrations into a folder; return their paths."""
    written = []
    for name, text in registrations(settings).items():
        write_private(folder / name, text.encode())
        written.append(folder / name)
    return written


def registrations(settings: Config, *, unused_token: str = "") -> dict[str, str]:
    """Return file name → content of both registrations."""
    appservice, domain = settings.appservice, settings.homeserver.domain
    return {
        "registration.yaml": _yaml(
            own(
                address=appservice.address,
                domain=domain,
                bot=appservice.bot,
                ghost_prefix=appservice.ghost_prefix,
                as_token=appservice.as_token,
                hs_token=appservice.hs_token,
            )
        ),
        "registration-double-puppet.yaml": _yaml(
            double_puppet(
                domain=domain,
                accounts=appservice.accounts,
                as_token=appservice.double_puppet_token,
                hs_token=unused_token,
            )
        ),
    }


def example_registrations() -> str:
    """Return `registration.yaml.example`: both files, as they are written with default settings."""
    head = (
        "# What `sferum-bridge registration` writes, with secrets in place of `generate`.\n"
        "# Two files; list both in homeserver.yaml under app_service_config_files.\n"
    )
    texts = registrations(Config(), unused_token=GENERATE)
    return head + "".join(f"\n--- # {name}\n{text}" for name, text in texts.items())


def _yaml(value: dict[str, object]) -> str:
    out = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(value, out)
    return out.getvalue()
