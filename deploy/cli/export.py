"""export: what integrators build against, to standard output."""

import json
import sys
from typing import Annotated, Any

import typer

from deploy import VERSION
from deploy.cli.words import plainly
from deploy.local.services import SERVICES
from deploy.local.trouble import Trouble
from shared.contracts import asyncapi as asyncapi_of_all
from shared.contracts.catalogue import events
from shared.contracts.schema import schema_of

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
    _show(described[service] if service else described)


@app.command()
@plainly
def asyncapi() -> None:
    """Every topic, event and header as AsyncAPI 3."""
    _show(asyncapi_of_all.document(VERSION))


@app.command()
@plainly
def schemas(
    event_type: Annotated[
        str | None, typer.Argument(help="One event type; without it, all of them in one object by type.")
    ] = None,
) -> None:
    """The events' data as JSON Schemas."""
    known = events()
    if event_type and event_type not in known:
        raise Trouble(f"There is no event type {event_type}; there are {', '.join(known)}.")
    described = {name: schema_of(name, model) for name, model in known.items()}
    _show(described[event_type] if event_type else described)


def _openapi(name: str) -> dict[str, Any]:
    from deploy.local.serve import load  # brings the services with it: only for this verb

    return load(name).openapi()


def _show(value: dict[str, Any]) -> None:
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
