"""schemathesis, with all its checks, against every endpoint: no 5xx, no undocumented answer."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from deploy.local import topics
from shared.http.roles import Role
from shared.http.tokens import issue_token
from tests.flows.client import Client
from tests.flows.platform import settings_for
from tests.flows.served import served
from tests.flows.stories import drafted, opened
from tests.support.servers import EmbeddedBroker, EmbeddedStore

HERE = Path(__file__).parent


@pytest.mark.timeout(280)
def test_no_request_whatever_it_is_gets_an_answer_that_is_not_described(
    tmp_path: Path, own_store: EmbeddedStore, own_broker: EmbeddedBroker
) -> None:
    asyncio.run(topics.apply(own_broker.bootstrap, partitions=1))
    settings = settings_for(tmp_path / "home", own_store.uri, own_broker.bootstrap)
    with served(settings, tmp_path / "log") as urls:
        calls = asyncio.run(some_calls(urls["recruitment"], settings))
        token = issue_token(settings, [Role.CITIZEN, Role.PROGRAM_OPERATOR], "c" * 32, ttl=3600)
        for url in urls.values():
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
                    *("run", f"{url}/openapi.json", "--checks", "all", "--continue-on-failure"),
                    *("--max-examples", "15", "--seed", "20260305", "--suppress-health-check", "all"),
                    *("-H", f"Authorization: Bearer {token}", "--no-color", "--generation-database", "none"),
                ],
                env=os.environ
                | {"SCHEMATHESIS_HOOKS": "tests.flows.schemathesis_hooks", "HAMKKE_TEST_CALLS": json.dumps(calls)},
                capture_output=True,
                text=True,
                timeout=240,
                check=False,
            )
            assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert '"level":"error"' not in (tmp_path / "log").read_text()


async def some_calls(url: str, settings: object) -> list[str]:
    async with httpx.AsyncClient(base_url=url) as http:
        operator = Client(http, settings, Role.PROGRAM_OPERATOR)  # type: ignore[arg-type]
        return [await drafted(operator), await opened(operator), await opened(operator)]
