"""The plain service: a FastAPI endpoint that authenticates, validates and does one `insert_one`; nothing behind it.

With PLAIN_BROKER it also sends what it stored to Kafka before it answers: the dual write, which loses events when it is
killed in between. `python -m tests.bench.plain.api`, its addresses in PLAIN_… variables.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import Depends, FastAPI, Header, HTTPException
from pymongo import AsyncMongoClient

from services.recruitment.api.applications import ApplicationForm
from services.recruitment.api.calls import ExtendForm
from shared.http.commands import UUID7_PATTERN, VERSION_PATTERN
from shared.http.problems import TokenInvalid
from shared.http.roles import Role
from shared.http.tokens import Caller, Tokens

TOPIC = "plain.application"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(os.environ["PLAIN_STORE"])
    app.state.database = client["plain"]
    app.state.producer = None
    if broker := os.environ.get("PLAIN_BROKER"):
        app.state.producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all")
        await app.state.producer.start()
    yield
    if app.state.producer:
        await app.state.producer.stop()
    await client.close()


app = FastAPI(lifespan=lifespan)
tokens = Tokens(Path(os.environ.get("PLAIN_KEYS", ".")) / "jwks.json", "hamkke", "hamkke")


async def caller(authorization: Annotated[str, Header()]) -> Caller:
    scheme, _, token = authorization.partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise TokenInvalid
        return tokens.caller(token)
    except TokenInvalid:
        raise HTTPException(401) from None


async def citizen(me: Annotated[Caller, Depends(caller)]) -> Caller:
    if Role.CITIZEN.value not in me.roles:
        raise HTTPException(403)
    return me


async def operator(me: Annotated[Caller, Depends(caller)]) -> Caller:
    if Role.PROGRAM_OPERATOR.value not in me.roles:
        raise HTTPException(403)
    return me


Key = Annotated[str, Header(pattern=UUID7_PATTERN)]


@app.get("/health/live")
async def live() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/calls/{call_id}/applications", status_code=201, response_model=None)
async def apply(
    call_id: str, body: ApplicationForm, me: Annotated[Caller, Depends(citizen)], idempotency_key: Key
) -> dict[str, Any]:
    stream = f"application:{call_id}:{me.ref}"
    document = {
        "_id": stream, "call_id": call_id, "citizen": me.ref, "key": idempotency_key, "at": datetime.now(UTC),
        "attributes": body.attributes, "answers": body.answers,
    }  # fmt: skip
    await app.state.database["applications"].insert_one(document)
    if app.state.producer:
        fact = {"call_id": call_id, "citizen": me.ref, "at": document["at"].isoformat()}
        await app.state.producer.send_and_wait(TOPIC, orjson.dumps(fact), key=stream.encode())
    return {"id": f"{call_id}:{me.ref}", "stream": stream, "version": 1}


@app.post("/calls/{call_id}/extend", response_model=None)
async def extend(
    call_id: str,
    body: ExtendForm,
    me: Annotated[Caller, Depends(operator)],
    idempotency_key: Key,
    if_match: Annotated[str, Header(pattern=VERSION_PATTERN)],
) -> dict[str, Any]:
    version = int(if_match.strip('"')) + 1
    document = {
        "_id": f"call:{call_id}@{version}", "call_id": call_id, "by": me.ref, "key": idempotency_key,
        "at": datetime.now(UTC), "closes_at": body.closes_at, "reason": body.reason.model_dump(),
    }  # fmt: skip
    await app.state.database["extensions"].insert_one(document)
    return {"id": call_id, "stream": f"call:{call_id}", "version": version}


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(os.environ["PLAIN_PORT"]), loop="uvloop", http="httptools", ws="none",
        access_log=False, log_level="warning",
    )  # fmt: skip
