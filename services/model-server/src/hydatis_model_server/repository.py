"""The SDK's registry, holding one model for good.

The protocol's repository extension lets any caller unload a model, after which a server of one model serves nothing. Which version
is served is decided by who may write the models folder, and by nobody over the wire.
"""

from __future__ import annotations

from hydatis_core.errors import InvalidValue
from kserve.model_repository import ModelRepository

__all__ = ["OneModelRepository"]


class OneModelRepository(ModelRepository):  # type: ignore[misc]  # the SDK has no types
    """Loads and unloads nothing."""

    def load(self, name: str) -> bool:
        """Whether the model is there: it loads itself."""
        return name in self.models

    def unload(self, name: str) -> None:
        """Refuses.

        Raises:
            InvalidValue: always.
        """
        raise InvalidValue(
            "a model is not unloaded over the wire", field="model_name", expected="another version made CURRENT instead"
        )
