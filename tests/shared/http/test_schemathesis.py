"""schemathesis with all checks: no 5xx, and no answer that the OpenAPI document does not name."""

import asyncio
import os
import sys
from pathlib import Path

from shared.http.roles import Role
from shared.http.tokens import issue_token
from shared.settings import Settings
from tests.shared.http.served import served
from tests.shared.http.tiny import PERSON, router, tiny

ROOT = Path(__file__).parents[3]


async def test_schemathesis_finds_nothing(settings: Settings, tmp_path: Path) -> None:
    token = issue_token(settings, list(Role), PERSON, ttl=600)
    async with served(tiny(settings, rows=7, routers=(router,))) as port:
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "schemathesis.cli",
                "--config-file",
                str(ROOT / "schemathesis.toml"),
                "run",
                f"http://127.0.0.1:{port}/openapi.json",
            ),
            *("--checks", "all", "--max-examples", "20", "--seed", "1", "--phases", "coverage,fuzzing"),
            *("--header", f"Authorization: Bearer {token}", "--request-timeout", "10"),
            cwd=tmp_path,
            env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.shared.http.hooks", "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await asyncio.wait_for(process.communicate(), 180)
    assert process.returncode == 0, told.decode()
