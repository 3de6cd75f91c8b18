"""The registry file is looked at before Feast reads it.

Feast keeps transformations in its registry as pickled functions and unpickles them when it lists them. We define none: a registry
that holds one was not written by us, and is refused before anything of it is run.
"""

from __future__ import annotations

from pathlib import Path

from hydatis_core.errors import ArtifactRefused

__all__ = ["check_registry"]

#: Fields of the registry whose entries may carry code.
_WITH_CODE = ("on_demand_feature_views", "stream_feature_views", "saved_datasets", "validation_references", "label_views")


def check_registry(path: Path) -> None:
    """Refuses a registry that Feast would run code from. No file: nothing was applied yet.

    Raises:
        ArtifactRefused: the file is damaged, or holds something that we never write.
    """
    from feast.protos.feast.core.Registry_pb2 import Registry
    from google.protobuf.message import DecodeError

    try:
        registry = Registry.FromString(path.read_bytes())
    except FileNotFoundError:
        return
    except (OSError, DecodeError) as damage:
        raise ArtifactRefused(
            f"{path} is not a registry: {damage}", field="registry", expected="what `hydatis features apply` wrote"
        ) from None
    held = [field for field in _WITH_CODE if len(getattr(registry, field))]
    with_code = [view.spec.name for view in registry.feature_views if view.spec.HasField("feature_transformation")]
    if held or with_code:
        shown = f"{path} holds {', '.join(held + with_code)}, which may carry code"
        raise ArtifactRefused(shown, field="registry", expected="definitions that `hydatis features apply` wrote")
