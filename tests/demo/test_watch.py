"""What the demonstration sees of the platform while it runs."""

from types import SimpleNamespace
from typing import Any

from deploy.demo.watch import Watch


def test_only_what_came_back_meanwhile_is_counted() -> None:
    rows: list[dict[str, Any]] = [
        {"process": "services", "name": name, "state": "ready", "restarts": 3}
        for name in ("recruitment", "notifications")
    ]
    place: Any = SimpleNamespace(processes=lambda: rows)
    watch = Watch(place, SimpleNamespace())  # type: ignore[arg-type]
    assert watch.restarts == 0
    for row in rows:
        row["restarts"] += 1
    watch.processes = place.processes()
    assert watch.restarts == 1
