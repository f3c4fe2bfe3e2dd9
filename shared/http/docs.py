"""The documentation page of a service: made from its OpenAPI document, without scripts and without other hosts."""

from html import escape
from typing import Any

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "code{background:#f2f2f2;padding:.1em .3em}section{border-top:1px solid #ccc;margin-top:1.5rem}"
    "table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2rem .6rem;text-align:left}"
)


def page(document: dict[str, Any]) -> bytes:
    """An HTML page that lists every operation with its parameters and answers."""
    title = escape(document["info"]["title"])
    operations = "".join(
        _operation(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{escape(document['info'].get('description', ''))}</p>"
        '<p>The whole document for machines: <a href="openapi.json">openapi.json</a>. '
        "Problems are RFC 9457 documents in Korean and English.</p>"
        f"{operations}</html>"
    ).encode()


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    told = escape(operation.get("description") or operation.get("summary") or "")
    token = "a token" if operation.get("security") else "nobody in particular"
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    parameters = "".join(
        f"<tr><td><code>{escape(given['name'])}</code><td>{given['in']}<td>{'yes' if given['required'] else 'no'}"
        f"<td>{escape(given.get('description', ''))}"
        for given in operation.get("parameters", [])
    )
    answers = "".join(
        f"<tr><td>{status}<td>{escape(answer['description'])}" for status, answer in operation["responses"].items()
    )
    return (
        f"<section><h2><code>{method.upper()} {escape(path)}</code></h2><p>{told}</p><p>Asked by: {token}."
        + (f" Body: <code>{escape(_named(body))}</code>." if body else "")
        + "</p>"
        + (f"<table><tr><th>parameter<th>in<th>required<th>{parameters}</table>" if parameters else "")
        + f"<table><tr><th>answer<th>when{answers}</table></section>"
    )


def _named(schema: dict[str, Any]) -> str:
    options = schema.get("anyOf", [schema])
    return " or ".join(str(option.get("$ref", option.get("type", "any"))).rpartition("/")[2] for option in options)
