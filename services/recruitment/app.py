"""Recruitment, put together."""

from services.recruitment import views
from services.recruitment.api import applications, calls
from shared.service import Service
from shared.settings import Settings
from shared.wiring import create_service


def create(settings: Settings | None = None) -> Service:
    """The service; without settings it reads those of this process."""
    return create_service(
        "recruitment",
        routers=[calls.router, applications.router],
        aggregates=views.AGGREGATES,
        settings=settings,
        about="Calls for participants, and the applications to them.",
    )
