"""The checks that a store must pass can see: they hold for the store we ship, and fail where its protection is switched off."""

import pytest

from deploy.local import store_checks, stores


async def test_the_python_store_passes_all_of_them() -> None:
    assert await store_checks.run("py") == dict.fromkeys(store_checks.CHECKS, "")


async def test_without_its_setting_the_store_is_caught_losing_inserts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "SURVIVES_SIGKILL", {})
    monkeypatch.setattr(store_checks, "CHECKS", {"durable": store_checks.durable})
    monkeypatch.setattr(store_checks, "KILLS", 8)
    assert "acknowledged inserts were lost by SIGKILL" in (await store_checks.run("py"))["durable"]
