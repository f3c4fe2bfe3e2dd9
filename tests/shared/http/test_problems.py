"""Problem documents: one form, two languages, and nothing of ours in a 500."""

import asyncio

import httpx
import pytest

from shared.http.problems import preferred
from shared.settings import Settings
from tests.shared.http.tiny import bearer


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "ko"), ("en", "en"), ("en-GB,en;q=0.9", "en"), ("ko-KR,ko;q=0.9,en;q=0.8", "ko"), ("fr", "ko"), ("*", "ko"),
        ("en;q=0.9, ko;q=0.1", "en"), ("en;q=0", "ko"), ("en;q=x", "en"), ("en;q=1e400", "en"), (";;,,=", "ko"),
    ],
)  # fmt: skip
def test_the_language_is_korean_unless_english_is_preferred(header: str, language: str) -> None:
    assert preferred(header) == language


async def test_a_problem_is_titled_as_asked_and_holds_both_languages(client: httpx.AsyncClient) -> None:
    for language in ("ko", "en"):
        answer = await client.get("/nothing", headers={"accept-language": language})
        told = answer.json()
        assert answer.headers["content-language"] == language
        assert told["title"] == told[language]
        assert told["ko"] != told["en"]
        assert (told["type"], told["status"]) == ("urn:hamkke:problem:not-found", 404)


async def test_a_wrong_method_names_the_right_ones(client: httpx.AsyncClient) -> None:
    answer = await client.put("/notes/" + "ab" * 16)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_a_bug_is_a_500_with_a_trace_id_and_nothing_else(client: httpx.AsyncClient) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = await client.get("/broken", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert answer.status_code == 500
    assert answer.json()["trace_id"] == trace
    assert "010" not in answer.text
    assert "KeyError" not in answer.text


async def test_a_store_that_is_away_is_503_to_be_tried_again(client: httpx.AsyncClient) -> None:
    answer = await client.get("/away")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "password" not in answer.text


async def test_a_request_that_is_cut_off_because_the_process_stops_is_503(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    """uvicorn cancels what still runs after its grace; left alone it would answer 500."""
    asking = asyncio.create_task(client.get("/rows", headers=bearer(settings) | {"read-after": "note:slow@1"}))
    await asyncio.sleep(0.05)
    asking.cancel()
    answer = await asking
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
