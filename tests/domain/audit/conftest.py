"""The scene of these tests."""

from tests.domain.audit.scene import scene

__all__ = ["scene"]
