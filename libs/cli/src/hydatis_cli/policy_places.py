"""Where a policy lives, and the shims that obey it: the state folder of a laptop here, the ConfigMap of a cluster beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hydatis_core.errors import HydatisError, InvalidValue
from hydatis_pipelines.whole_files import write_whole

from hydatis_cli.extender_client import ExtenderClient

__all__ = ["ASKING_SECONDS", "PolicyInFile", "PolicyPlace", "Report", "asked"]

#: What a shim's /readyz says, or why it could not be asked.
Report = dict[str, Any] | str
ASKING_SECONDS = 2.0


class PolicyPlace(Protocol):
    """Where one policy lives."""

    @property
    def shown(self) -> str:
        """For people."""
        ...

    def read(self) -> str:
        """The policy's text."""
        ...

    def write(self, text: str, instead_of: str) -> bool:
        """Puts a text in the place of another, whole; False: there was yet another by then."""
        ...

    def reports(self) -> dict[str, Report]:
        """What each shim says, by its name."""
        ...


@dataclass(frozen=True, slots=True)
class PolicyInFile:
    """A policy file.

    Args:
        path: the file.
        shims: URLs of the shims that read it.
    """

    path: Path
    shims: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The file."""
        return str(self.path)

    def read(self) -> str:
        """The policy's text.

        Raises:
            InvalidValue: there is none.
        """
        try:
            return self.path.read_text()
        except (OSError, UnicodeDecodeError) as wrong:
            expected = "--state FOLDER of `hydatis up`, or --cluster"
            raise InvalidValue(f"no policy in {self.path}: {wrong}", field="--state", expected=expected) from None

    def write(self, text: str, instead_of: str) -> bool:
        """Replaces the file."""
        if self.read() != instead_of:
            return False
        write_whole(self.path, text.encode())
        return True

    def reports(self) -> dict[str, Report]:
        """What each shim says."""
        return {shim: asked(shim) for shim in self.shims}


def asked(shim: str) -> Report:
    """What the shim at a URL says."""
    client = ExtenderClient(shim)
    try:
        return dict(client.get_json("/readyz", timeout_seconds=ASKING_SECONDS))
    except HydatisError as failure:
        return str(failure)
    finally:
        client.close()
