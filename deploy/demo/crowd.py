"""The volunteers: all of them apply, some press twice, some withdraw. What each was told is written down."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from deploy.demo.client import Answer, Client, Person, new_key
from deploy.demo.compare import Told
from deploy.demo.people import motive
from deploy.demo.pool import Pool, Volunteer
from shared.http.roles import Role
from shared.settings import Settings

WITHDRAWS, PRESSES_TWICE = 50, 40  # one of so many
RECENT = 3.0  # seconds that the shown rate looks back


@dataclass
class Crowd:
    """Everybody of one pool, applying to one call. `rate`: applications a second at most (0: as fast as it goes)."""

    settings: Settings
    client: Client
    pool: Pool
    call_id: str
    clients: int = 24
    rate: float = 0.0
    told: list[Told] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    began: float = 0.0
    spent: float = 0.0  # seconds until all had an answer
    _moments: list[float] = field(default_factory=list)

    async def apply_all(self) -> None:
        """Returns when each volunteer has an answer."""
        self.began = time.monotonic()
        places = iter(range(len(self.pool.volunteers)))
        async with asyncio.TaskGroup() as crowd:
            for _ in range(self.clients):
                crowd.create_task(self._one_after_the_other(places))
        self.spent = time.monotonic() - self.began

    @property
    def speed(self) -> float:
        """Applications a second, over the last seconds."""
        now = time.monotonic()
        recent = sum(1 for moment in reversed(self._moments[-20_000:]) if now - moment < RECENT)
        return recent / max(0.2, min(RECENT, now - self.began))

    async def _one_after_the_other(self, places: Iterator[int]) -> None:
        for place in places:
            if self.rate:
                await asyncio.sleep(self.began + place / self.rate - time.monotonic())
            await self._take_part(place, self.pool.volunteers[place])

    async def _take_part(self, place: int, volunteer: Volunteer) -> None:
        person = Person(self.settings, pseudonym(volunteer), Role.CITIZEN)
        path = f"/calls/{self.call_id}/applications"
        body = {"attributes": self._attributes(volunteer), "answers": {"motive": motive(place)}}
        presses = 2 if place % PRESSES_TWICE == 1 else 1
        key = new_key()
        answers = await asyncio.gather(*(self.client.command(person, path, body, key=key) for _ in range(presses)))
        self._compare_presses(volunteer, answers)
        if not self._heard("the application", volunteer, answers[0]):
            return
        self._moments.append(time.monotonic())
        self.counts["applied"] += 1
        if place % WITHDRAWS == 0:
            answer = await self.client.command(person, f"{path}/mine/withdraw")
            if self._heard("the withdrawal", volunteer, answer):
                self.counts["withdrawn"] += 1

    def _heard(self, what: str, volunteer: Volunteer, answer: Answer) -> bool:
        if answer.accepted:
            self.told.append(Told(str(answer.body["stream"]), int(answer.body["version"]), f"{what} of {volunteer.id}"))
        else:
            self.counts["refused"] += 1
            self.refused.append(f"{what} of {volunteer.id}: {answer.why}")
        return answer.accepted

    def _compare_presses(self, volunteer: Volunteer, answers: list[Answer]) -> None:
        """One key, one answer: pressing twice must not tell two stories."""
        if len({(answer.accepted, answer.body.get("version")) for answer in answers}) > 1:
            self.contradictions.append(f"{volunteer.id} pressed twice and was told two different things")

    def _attributes(self, volunteer: Volunteer) -> dict[str, str]:
        return {
            self.pool.feature_codes[name]: self.pool.value_codes[name][value]
            for name, value in volunteer.values.items()
        }


def pseudonym(volunteer: Volunteer) -> str:
    """The volunteer's citizenRef; real ones are random, these are the same in every run."""
    return hashlib.sha256(f"hamkke demo volunteer {volunteer.id}".encode()).hexdigest()[:32]
