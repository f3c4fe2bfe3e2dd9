"""Moments as the project writes them: RFC 3339, UTC, milliseconds, so that text order is time order."""

from datetime import UTC, datetime


def text(moment: datetime) -> str:
    """`2026-11-23T09:00:00.000Z` of an aware datetime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def moment(written: str) -> datetime:
    """The aware datetime of an RFC 3339 text. ValueError when it is none."""
    return datetime.fromisoformat(written).astimezone(UTC)
