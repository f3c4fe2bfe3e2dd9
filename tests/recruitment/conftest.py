"""The service runs among the others."""

from tests.flows.conftest import platform

__all__ = ["platform"]
