"""The shell of a service: it listens at once, says what is in the way, and becomes ready by itself."""

import asyncio

import httpx
import pytest

from shared.broker.port import BrokerAway
from shared.http.endpoints import Router
from shared.http.tokens import Tokens
from shared.runtime import Runtime
from shared.service import Service, StorePart, shell
from shared.settings import Settings, SettingsError
from shared.store.port import StoreAway
from tests.shared.http.tiny import client_of, tiny


class Broker:
    """A part that is away for its first tries."""

    name = "broker"

    def __init__(self, tries: int) -> None:
        self.tries, self.stopped = tries, False

    async def start(self) -> None:
        self.tries -= 1
        if self.tries >= 0:
            raise BrokerAway("somewhere:9092")

    async def stop(self) -> None:
        self.stopped = True

    async def trouble(self) -> str | None:
        return None


class Clock:
    """A store of which only the clock counts."""

    def __init__(self, skew: float | Exception) -> None:
        self.skew = skew

    async def clock_skew(self) -> float:
        if isinstance(self.skew, Exception):
            raise self.skew
        return self.skew

    async def close(self) -> None:
        return None


async def readiness(app: Service) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tiny") as client:
        assert (await client.get("/health/live")).json() == {"live": True}
        return await client.get("/health/ready")


async def test_a_service_listens_while_its_broker_is_away_and_becomes_ready_by_itself(settings: Settings) -> None:
    part = Broker(tries=2)
    app = shell("tiny", wiring=lambda runtime: runtime.parts.append(part), settings=settings)
    async with app.router.lifespan_context(app):
        await asyncio.sleep(0.05)
        answer = await readiness(app)
        assert answer.status_code == 503
        assert answer.json()["parts"] == {"broker": "cannot start yet: BrokerAway"}
        async with asyncio.timeout(5):
            while not (await readiness(app)).is_success:  # noqa: ASYNC110 - the health check is what is asked
                await asyncio.sleep(0.05)
    assert part.stopped


@pytest.mark.parametrize(
    ("skew", "reason"),
    [(0.3, None), (-5.2, "clock is -5.2 s"), (9.0, "clock is +9.0 s"), (StoreAway("x"), "StoreAway")],
)
async def test_a_clock_far_off_the_stores_is_not_ready(
    settings: Settings, skew: float | Exception, reason: str | None
) -> None:
    clock = Clock(0.0)

    def wiring(runtime: Runtime) -> None:
        runtime.store = clock  # type: ignore[assignment]
        runtime.parts.append(StorePart(runtime))

    app = shell("tiny", wiring=wiring, settings=settings)
    async with app.router.lifespan_context(app):
        await asyncio.sleep(0.05)
        clock.skew = skew
        answer = await readiness(app)
        assert answer.status_code == (200 if reason is None else 503)
        assert reason is None or reason in answer.json()["parts"]["store"]


async def test_a_service_without_keys_does_not_start_and_says_why(settings: Settings) -> None:
    settings.jwks_file.unlink()
    app = tiny(settings)
    with pytest.raises(SettingsError, match="HAMKKE_JWKS_FILE"):
        async with app.router.lifespan_context(app):
            pass
    assert isinstance(Tokens(settings.jwks_file, "a", "b"), Tokens)


async def test_every_answer_is_documented_and_documents_name_no_other_host(settings: Settings) -> None:
    async with client_of(tiny(settings)) as client:
        document = (await client.get("/openapi.json")).json()
        operation = document["paths"]["/notes/{note_id}/close"]["post"]
        assert set(operation["responses"]) == {
            "200", "400", "401", "403", "404", "409", "412", "413", "415", "422", "428", "500", "503",
        }  # fmt: skip
        assert operation["security"] == [{"token": []}]
        page = (await client.get("/docs")).text
        assert "/notes/{note_id}/close" in page
        assert "//" not in page


async def test_an_endpoint_that_cannot_be_understood_fails_at_start_up() -> None:
    router = Router()
    with pytest.raises(TypeError, match="'somewhere'"):

        @router.get("/x")
        async def unclear(somewhere: int) -> None:
            """Where from?"""

    with pytest.raises(TypeError, match="async"):

        @router.get("/y")
        def blocking() -> None:
            """Would block the loop."""
