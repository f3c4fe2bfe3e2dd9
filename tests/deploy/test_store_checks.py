"""The checks that a store must pass can see: they hold for the store we ship, and fail where its protection is switched off."""

import gc
from collections.abc import Iterator

import pytest

from deploy.local import store_checks, stores

# A store that is killed while PyMongo connects leaves a socket of PyMongo's unclosed; it is collected here, not in a later test
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


async def test_the_python_store_passes_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_checks, "KILLS", 1)
    assert await store_checks.run("py") == dict.fromkeys(store_checks.CHECKS, "")


async def test_without_its_setting_the_store_is_caught_losing_inserts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "SURVIVES_SIGKILL", {})
    monkeypatch.setattr(store_checks, "CHECKS", {"durable": store_checks.durable})
    monkeypatch.setattr(store_checks, "KILLS", 8)
    assert "acknowledged inserts were lost by SIGKILL" in (await store_checks.run("py"))["durable"]
