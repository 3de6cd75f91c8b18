"""The registry file: changed by one process at a time, whole or as before, and looked at before Feast reads it.

Feast writes it in place, so a process killed meanwhile leaves half a registry: the one before is kept aside until the change is
done. And Feast keeps transformations in it as pickled functions, which it unpickles when it lists them. We define none: a registry
that holds one was not written by us, and is refused before anything of it is run.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

from hydatis_core.errors import ArtifactRefused, DependencyUnavailable

__all__ = ["changed_registry", "check_registry", "registry_path"]

#: Fields of the registry whose entries may carry code.
_WITH_CODE = ("on_demand_feature_views", "stream_feature_views", "saved_datasets", "validation_references", "label_views")


def registry_path(folder: Path) -> Path:
    """Where the registry of a repository lies."""
    return folder / "registry.db"


@contextlib.contextmanager
def changed_registry(folder: Path) -> Iterator[None]:
    """Runs a block that changes the registry: alone, and after a failure or a kill the registry is as before.

    Raises:
        DependencyUnavailable: the folder cannot be written to.
    """
    path, before = registry_path(folder), folder / ".registry.before"
    with contextlib.ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            fcntl.flock(held.enter_context((folder / ".registry.lock").open("a")), fcntl.LOCK_EX)
            _put_back(path, before)
            _keep_aside(path, before)
        except OSError as full:
            shown = f"{folder} cannot be written to: {full.strerror or full}"
            raise DependencyUnavailable(shown, field="registry", expected="a folder with room that may be written to") from None
        held.callback(_put_back, path, before)
        yield
        before.unlink()


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
            f"{path} is not a registry: {damage}", field="registry", expected="remove it, then `hydatis features apply`"
        ) from None
    held = [field for field in _WITH_CODE if len(getattr(registry, field))]
    with_code = [view.spec.name for view in registry.feature_views if view.spec.HasField("feature_transformation")]
    if held or with_code:
        shown = f"{path} holds {', '.join(held + with_code)}, which may carry code"
        raise ArtifactRefused(shown, field="registry", expected="definitions that `hydatis features apply` wrote")


def _keep_aside(path: Path, before: Path) -> None:
    """Keeps the registry, or an empty file where there was none."""
    copied = before.with_suffix(".new")
    if path.exists():
        shutil.copyfile(path, copied)
    else:
        copied.touch()
    copied.replace(before)


def _put_back(path: Path, before: Path) -> None:
    """Undoes what was not finished; nothing is kept aside after a change that was."""
    if not before.exists():
        return
    if before.stat().st_size:
        before.replace(path)
    else:
        path.unlink(missing_ok=True)
        before.unlink()
