"""export: what integrators build against, to standard output."""

import json
import sys
from typing import Annotated, Any

import typer

from deploy.cli.words import plainly
from deploy.local.services import SERVICES
from deploy.local.trouble import Trouble

app = typer.Typer(help="Descriptions for integrators, to standard output.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Descriptions for integrators, to standard output."""


@app.command()
@plainly
def openapi(
    service: Annotated[
        str | None, typer.Argument(help="One service; without it, all of them in one object by name.")
    ] = None,
) -> None:
    """The HTTP API as OpenAPI 3.1."""
    if service and service not in SERVICES:
        raise Trouble(f"There is no service {service}; there are {', '.join(SERVICES)}.")
    described = {name: _openapi(name) for name in ([service] if service else SERVICES)}
    json.dump(described[service] if service else described, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def _openapi(name: str) -> dict[str, Any]:
    from deploy.local.serve import load  # brings the services with it: only for this verb

    return load(name).openapi()
