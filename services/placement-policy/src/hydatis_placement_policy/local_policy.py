"""The local policy: the verified artifact that answers when the model server is late.

It is the version that the models folder calls current, or the newest before it that verifies, and it is loaded before the first
decision, so that no failure of another process ever waits for a disk. When the folder names another version, the new one is loaded
aside and swapped in; one that is refused changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from hydatis_core.errors import ArtifactRefused, HydatisError
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.artifacts import Artifact
from hydatis_lifecycle.versions import version_key
from hydatis_placement.after_state import SCHEMA
from hydatis_placement.q_function import QFunction
from hydatis_serving.logs import get_logger
from numpy.typing import NDArray

__all__ = ["MODEL_NAME", "LocalPolicy", "LocalPolicyShelf", "policy_from_artifact"]

#: Name of the policy's artifacts, and of the model that serves them.
MODEL_NAME = "placement-policy"
_KIND = "q_function"


class LocalPolicy:
    """One loaded version.

    Args:
        q_function: the network.
        positions: where its input columns stand among the after-state columns.
        version: semantic version.
    """

    def __init__(self, q_function: QFunction, positions: NDArray[np.intp], version: str) -> None:
        self._q_function = q_function
        self._positions = None if np.array_equal(positions, np.arange(len(SCHEMA.names))) else positions
        self.version = version

    def values(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        """Q value per row, shape (rows,), float32, high = better.

        Args:
            states: after-states, float32 of shape (rows, columns of ``hydatis_placement.after_state``).
        """
        picked = states if self._positions is None else states[:, self._positions]
        return self._q_function.values(picked)


def policy_from_artifact(artifact: Artifact) -> LocalPolicy:
    """The policy that a verified artifact holds.

    Raises:
        ArtifactRefused: it is of another kind, or its network does not give one finite value per row.
        UnknownColumn: it wants columns that after-states lack, or with another definition.
    """
    manifest = artifact.manifest
    if manifest.kind != _KIND:
        raise ArtifactRefused(f"the artifact is a {manifest.kind}", field="kind", expected=_KIND)
    positions = SCHEMA.positions(list(manifest.columns))
    policy = LocalPolicy(QFunction.from_files(dict(artifact.files)), positions, manifest.version)
    tried = policy.values(np.zeros((2, len(SCHEMA.names)), dtype=np.float32))
    if tried.shape != (2,) or not np.isfinite(tried).all():
        raise ArtifactRefused(
            f"the network gives values of shape {tried.shape}", field="files", expected="one finite value per row"
        )
    return policy


class LocalPolicyShelf:
    """Holds the local policy and keeps it the current one.

    Args:
        folder: artifacts; it need not exist.
        check_seconds: how often it is looked at.
        on_refused: told (model, version) of each version that was not taken.
    """

    def __init__(
        self, folder: ArtifactFolder, check_seconds: float, on_refused: Callable[[str, str], None] = lambda _model, _version: None
    ) -> None:
        self._folder = folder
        self._check_seconds = check_seconds
        self._on_refused = on_refused
        self._stamp: tuple[int, int, int] | None = None
        self._task: asyncio.Task[None] | None = None
        self._log = get_logger("hydatis_placement_policy")
        self.policy: LocalPolicy | None = None
        """The policy to answer with; None: there is none that can be used."""

    async def start(self) -> None:
        """Loads the policy, if there is one, and goes on looking for a newer one."""
        await self.refresh()
        if self.policy is None:
            self._log.warning("no local policy: a late model server costs a rung", models_dir=str(self._folder.models_dir))
        self._task = asyncio.create_task(self._watch(), name="local-policy")

    async def stop(self) -> None:
        """Stops looking."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def refresh(self) -> None:
        """Loads what the folder calls current, when that changed since the last look."""
        stamp = self._folder.current_stamp(MODEL_NAME)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            # A disk may be slow, and decisions must not wait for it.
            policy = await asyncio.to_thread(self._load)
        except HydatisError as refused:
            held = "none" if self.policy is None else self.policy.version
            self._log.warning("local policy refused: going on with the one held", reason=str(refused), held=held)
            return
        self.policy = policy
        self._log.info("local policy loaded", version=policy.version)

    def _load(self) -> LocalPolicy:
        good = self._folder.load_latest_good(MODEL_NAME)
        for refusal in good.refusals:
            self._pass_over(refusal.version, refusal.reason)
        try:
            return policy_from_artifact(good.artifact)
        except HydatisError as refused:
            self._pass_over(good.artifact.manifest.version, str(refused))
            if self.policy is not None:
                raise
            return self._older(good.artifact.manifest.version, refused)

    def _older(self, version: str, refused: HydatisError) -> LocalPolicy:
        """The newest version before one that cannot be used: at the start, an old policy is better than none."""
        for older in reversed(self._folder.versions(MODEL_NAME)):
            if version_key(older) < version_key(version):
                with suppress(HydatisError):
                    return policy_from_artifact(self._folder.load(MODEL_NAME, older))
        raise refused

    def _pass_over(self, version: str, reason: str) -> None:
        self._on_refused(MODEL_NAME, version)
        self._log.warning("policy version refused", version=version, reason=reason)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._check_seconds)
            try:
                await self.refresh()
            except Exception:  # what goes wrong with a new version must not end the watch
                self._log.exception("could not look for another policy")
