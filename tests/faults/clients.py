"""50 clients who behave as real ones do: one key for one wish, the same request again after an unknown outcome."""

import asyncio
import time
from collections.abc import Callable
from random import Random
from typing import Any

import httpx
import orjson

from shared.canonical import canonical
from shared.http.roles import Role
from shared.http.tokens import issue_token
from shared.settings import Settings
from tests.faults import requests
from tests.faults.ledger import UNKNOWN, Asked, Attempt

CITIZENS, OPERATORS = 46, 4
CALLS = 6
PATIENT = 16.0  # seconds: longer than any attempt can take effect (protocol.md D8)
HURRIED = 3.0


class Crowd:
    """All clients and what they were told. `urls` gives the processes of a service that may be asked now."""

    def __init__(self, settings: Settings, urls: Callable[[str], dict[str, str]], seed: int) -> None:
        self._urls, self._seed, self._settings = urls, seed, settings
        self.told: list[Asked] = []
        self.calls: list[str] = []
        self._secret = settings.secrets.first
        self._over = asyncio.Event()
        self.citizens = [Random(f"citizen/{seed}/{n}").randbytes(16).hex() for n in range(CITIZENS)]
        self.operators = [Random(f"operator/{seed}/{n}").randbytes(16).hex() for n in range(OPERATORS)]
        self.tokens = {ref: issue_token(settings, [Role.CITIZEN], ref, ttl=3600) for ref in self.citizens}
        self.tokens |= {ref: issue_token(settings, [Role.PROGRAM_OPERATOR], ref, ttl=3600) for ref in self.operators}
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=100)
        self.http = httpx.AsyncClient(limits=limits, trust_env=False)

    async def open_calls(self) -> None:
        """The calls that everything is about: drafted, published, opened."""
        rng = Random(f"calls/{self._seed}")
        for number in range(CALLS):
            operator = self.operators[number % OPERATORS]
            drafting = requests.draft(rng, operator)
            await self.ask(drafting, rng, PATIENT)
            call = drafting.id(self._secret)[:32]
            for version, verb in enumerate(("publish", "open_call"), start=1):
                await self.ask(requests.on_call(verb, rng, operator, call), rng, PATIENT, if_match=version)
            self.calls.append(call)

    async def run(self) -> None:
        """Everybody, until `finish`; each ends with an outcome for what was last asked, or gives up."""
        async with asyncio.TaskGroup() as group:
            for number, citizen in enumerate(self.citizens):
                group.create_task(self._citizen(citizen, Random(f"{self._seed}/{number}"), number % 5 == 0))
            for number, operator in enumerate(self.operators):
                group.create_task(self._operator(operator, Random(f"{self._seed}/operator/{number}")))

    def finish(self) -> None:
        """Nobody thinks of anything new."""
        self._over.set()

    async def close(self) -> None:
        await self.http.aclose()

    async def _citizen(self, me: str, rng: Random, patient: bool) -> None:
        patience = PATIENT if patient else HURRIED
        while not await self._pause(0.2 + rng.expovariate(1.2)):
            call = rng.choice(self.calls)
            asked = (requests.apply if rng.random() < 0.65 else requests.withdraw)(rng, me, call)
            last = await self.ask(asked, rng, patience)
            if last.accepted and rng.random() < 0.12:
                await self._pause(rng.random())
                await self.ask(asked, rng, patience)  # a lost receipt, a double click
            if last.accepted and asked.verb == "apply" and rng.random() < 0.08:
                await self.ask(asked, rng, patience, body=1)

    async def _operator(self, me: str, rng: Random) -> None:
        years = iter(range(2036, 2190))
        while not await self._pause(0.5 + rng.expovariate(0.5)):
            call = rng.choice(self.calls)
            version = await self._version(call, me)
            if version is None:
                continue
            version -= rng.random() < 0.1  # who looked at an old page
            verb, year = rng.choice(("close", "extend", "extend", "extend")), next(years, 2190)
            asked = requests.on_call(verb, rng, me, call, year)
            await self.ask(asked, rng, HURRIED, if_match=max(1, version))

    async def _version(self, call: str, me: str) -> int | None:
        for _, url in self._urls("recruitment").items():
            try:
                answer = await self.http.get(f"{url}/calls/{call}", headers=self._who(me), timeout=HURRIED)
            except httpx.HTTPError:
                continue
            if answer.status_code == 200:
                return int(answer.json()["version"])
        return None

    async def ask(
        self, asked: Asked, rng: Random, patience: float, *, if_match: int | None = None, body: int = 0
    ) -> Attempt:
        """Ask until there is an answer: the same key and body after a time-out, a broken connection, 503 and busy."""
        if not asked.attempts:
            self.told.append(asked)
        while True:
            attempt = await self._attempt(asked, rng, patience, if_match, body)
            if not (attempt.is_open or attempt.busy):
                return attempt
            pause = rng.uniform(0.1, 1.0) if patience < PATIENT else 1.0
            await asyncio.sleep(pause)

    async def _attempt(self, asked: Asked, rng: Random, patience: float, if_match: int | None, body: int) -> Attempt:
        process, url = rng.choice(sorted(self._urls("recruitment").items()))
        attempt = Attempt(time.time(), process, body, if_match)
        asked.attempts.append(attempt)
        headers = self._who(asked.actor) | {"idempotency-key": asked.key}
        if if_match is not None:
            headers["if-match"] = f'"{if_match}"'
        content = None
        if asked.bodies[body] is not None:
            content, headers["content-type"] = canonical(asked.bodies[body]), "application/json"
        try:
            answer = await self.http.post(url + asked.path, content=content, headers=headers, timeout=patience)
        except httpx.HTTPError:
            attempt.status = UNKNOWN
        else:
            attempt.status, attempt.answer = answer.status_code, answer.content
            self._understand(attempt, answer)
        attempt.answered = time.time()
        return attempt

    def _understand(self, attempt: Attempt, answer: httpx.Response) -> None:
        try:
            document: dict[str, Any] = orjson.loads(answer.content)
            if attempt.accepted:
                attempt.version = int(document["version"])
            else:
                attempt.code = str(document["type"]).rpartition(":")[2]
        except (ValueError, KeyError, TypeError):
            attempt.code = "unreadable"

    def _who(self, ref: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens[ref]}"}

    async def inbox_of(self, citizen: str) -> list[dict[str, Any]]:
        """All that a person is shown, page by page. Raises httpx.HTTPError."""
        url = next(iter(self._urls("notifications").values()))
        entries: list[dict[str, Any]] = []
        after: dict[str, Any] = {"limit": 200}
        while True:
            answer = await self.http.get(f"{url}/inbox", params=after, headers=self._who(citizen), timeout=PATIENT)
            answer.raise_for_status()
            page = answer.json()
            entries += page["items"]
            if not page["next"]:
                return entries
            after = {"limit": 200, "after": page["next"]}

    async def _pause(self, seconds: float) -> bool:
        """Whether it is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return False
        return True
