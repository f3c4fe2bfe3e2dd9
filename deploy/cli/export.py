"""`hamkke export …`: the machine-readable descriptions, on standard output."""

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from shared.contracts import asyncapi, schema
from shared.contracts.catalogue import events

app = typer.Typer(no_args_is_help=True, help="Print OpenAPI, AsyncAPI or JSON Schemas on standard output.")
SERVICES = Path(__file__).parents[2] / "services"


@app.command("asyncapi")
def export_asyncapi() -> None:
    """AsyncAPI 3 of every topic, event and header."""
    _print(asyncapi.document(_version()))


@app.command("schemas")
def export_schemas(
    event_type: Annotated[str, typer.Argument(help="One event type, such as hamkke.recruitment.CallOpened.v1.")] = "",
) -> None:
    """JSON Schemas of all events, as one object by event type; or of one."""
    known = events()
    if not event_type:
        _print({name: schema.schema_of(name, model) for name, model in known.items()})
    elif event_type in known:
        _print(schema.schema_of(event_type, known[event_type]))
    else:
        _no(f"There is no event type {event_type}. These exist:\n  " + "\n  ".join(known))


@app.command("openapi")
def export_openapi(
    service: Annotated[str, typer.Argument(help="One service, such as recruitment.")] = "",
) -> None:
    """OpenAPI 3.1 of all services, as one object by service; or of one."""
    known = sorted(folder.parent.name for folder in SERVICES.glob("*/app.py"))
    if not service:
        _print({name: _openapi(name) for name in known})
    elif service in known:
        _print(_openapi(service))
    else:
        _no(f"There is no service {service}. These exist: {', '.join(known)}")


def _openapi(service: str) -> dict[str, Any]:
    described: dict[str, Any] = importlib.import_module(f"services.{service}.app").create().openapi()
    return described


def _version() -> str:
    from importlib.metadata import version

    return version("hamkke")


def _print(value: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _no(reason: str) -> None:
    typer.echo(reason, err=True)
    raise typer.Exit(1)
