"""Notifications, put together."""

from services.notifications import api, consumers
from shared.service import Service
from shared.settings import Settings
from shared.wiring import create_service


def create(settings: Settings | None = None) -> Service:
    """The service; without settings it reads those of this process."""
    return create_service(
        "notifications",
        routers=[api.router],
        consumers=[consumers.inbox],
        settings=settings,
        about="Who must hear of what: the inbox.",
    )
