"""The models folder: where artifacts are published to and loaded from.

Several processes share it without talking: a trainer writes while four servers read. So a version appears by one rename, whole or
not at all, ``CURRENT`` changes by one rename, and nothing that was published is ever written again. A reader trusts no name and no
size: it follows no symlink, reads no more than the manifest allows, and hands out bytes only after every digest matched, under a
signature where one is asked for. The one file that a published version may get later is its signature.

Layout: ``<models_dir>/<model>/<version>/manifest.json``, ``model.sig`` and data files beside it; ``<models_dir>/<model>/CURRENT``
names the version to serve.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hydatis_core.errors import ArtifactRefused

from hydatis_lifecycle.adapters.artifact_files import read_artifact
from hydatis_lifecycle.adapters.safe_files import open_folder, read_file, write_file
from hydatis_lifecycle.artifacts import Artifact, Manifest, manifest_to_json, verify
from hydatis_lifecycle.manifest import MANIFEST_FILE, is_model_name
from hydatis_lifecycle.signing.check import SignatureCheck
from hydatis_lifecycle.signing.contract import Signer
from hydatis_lifecycle.signing.statement import SIGNATURE_FILE, statement_of
from hydatis_lifecycle.versions import is_version, newest_first, version_key

__all__ = ["ArtifactFolder", "LoadedGood", "Refusal"]

CURRENT_FILE = "CURRENT"
_LOCK_FILE = ".lock"
_MAX_CURRENT_BYTES = 64


@dataclass(frozen=True, slots=True)
class Refusal:
    """A version that was not taken, and why."""

    version: str
    """The version; "CURRENT" when the file that names it is itself wrong."""
    reason: str
    """One sentence: which file or field, what was wrong, what would be right."""


@dataclass(frozen=True, slots=True)
class LoadedGood:
    """The newest artifact that verified, with what was passed over to reach it."""

    artifact: Artifact
    refusals: tuple[Refusal, ...]
    """Newer versions that were refused, newest first; empty when the one asked for is served."""


class ArtifactFolder:
    """Artifacts by model and version, below one folder.

    Args:
        models_dir: the folder; made when something is first published.
        signatures: whose signature a version must bear to be loaded; None: digests alone are checked.
    """

    def __init__(self, models_dir: Path, signatures: SignatureCheck | None = None) -> None:
        self.models_dir = Path(models_dir)
        self._signatures = signatures

    def publish(
        self, manifest: Manifest, files: Mapping[str, bytes], signer: Signer | None = None, *, make_current: bool = True
    ) -> Path:
        """Makes a version visible, whole and signed, and current unless a newer one is current already.

        Args:
            manifest: what it is; its version must not be published yet.
            files: bytes of every file the manifest lists.
            signer: signs it; None: it has no signature.
            make_current: False: it only lies there, until ``set_current`` names it.

        Returns:
            The version's folder.

        Raises:
            ArtifactRefused: the files are not those of the manifest, or the version exists: versions never change.
            DependencyUnavailable: the signer could not sign; nothing is published.
        """
        verify(manifest, files)
        signature = signer.sign(statement_of(manifest)) if signer is not None else None
        model_dir = self._model_dir(manifest.name)
        model_dir.mkdir(parents=True, exist_ok=True)
        target = model_dir / manifest.version
        temporary = model_dir / f".publishing-{manifest.version}-{secrets.token_hex(6)}"
        temporary.mkdir()
        try:
            for name, data in files.items():
                write_file(temporary / name, data)
            write_file(temporary / MANIFEST_FILE, manifest_to_json(manifest))
            if signature is not None:
                write_file(temporary / SIGNATURE_FILE, signature)
            _sync_folder(temporary)
            try:
                temporary.rename(target)
            except OSError:
                shown = f"version {manifest.version} of {manifest.name} is published already"
                raise ArtifactRefused(shown, field="version", expected="a version not used before") from None
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        _sync_folder(model_dir)
        if make_current:
            with self._lock(model_dir):
                if self._current_key(manifest.name) < version_key(manifest.version):
                    self._replace_current(model_dir, manifest.version)
        return target

    def sign(self, name: str, version: str, signer: Signer) -> Artifact:
        """Signs a published version as it lies there, in place of a signature that it may have.

        Returns:
            The version that was signed.

        Raises:
            ArtifactRefused: it is not there, or its files are not those of its manifest.
            DependencyUnavailable: the signer could not sign.
        """
        artifact = ArtifactFolder(self.models_dir).load(name, version)
        signature = signer.sign(statement_of(artifact.manifest))
        model_dir = self._model_dir(name)
        temporary = model_dir / f".signing-{version}-{secrets.token_hex(6)}"
        try:
            write_file(temporary, signature)
            temporary.replace(model_dir / version / SIGNATURE_FILE)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(model_dir / version)
        return artifact

    def set_current(self, name: str, version: str) -> None:
        """Names the version to serve: how a version is rolled back or forward.

        Raises:
            ArtifactRefused: the version is not there or does not verify.
        """
        self.load(name, version)
        model_dir = self._model_dir(name)
        with self._lock(model_dir):
            self._replace_current(model_dir, version)

    def versions(self, name: str) -> tuple[str, ...]:
        """Published versions of a model, oldest first; empty when there are none."""
        try:
            found = [entry.name for entry in os.scandir(self._model_dir(name)) if entry.is_dir(follow_symlinks=False)]
        except (FileNotFoundError, NotADirectoryError):
            return ()
        return newest_first(filter(is_version, found))[::-1]

    def current(self, name: str) -> str | None:
        """The version that CURRENT names; None when there is no such file.

        Raises:
            ArtifactRefused: the file does not hold a version.
        """
        try:
            with open_folder(self._model_dir(name)) as folder:
                text = read_file(folder, CURRENT_FILE, _MAX_CURRENT_BYTES).decode("ascii", "replace").strip()
        except FileNotFoundError:
            return None
        if not is_version(text):
            raise ArtifactRefused(f"{text[:40]!r} is not a version", field=CURRENT_FILE, expected="three numbers such as 1.0.3")
        return text

    def current_stamp(self, name: str) -> tuple[int, int, int] | None:
        """What changes whenever CURRENT is replaced (time, inode, size); None when there is none. Cheap: one system call."""
        try:
            status = os.stat(self._model_dir(name) / CURRENT_FILE, follow_symlinks=False)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size

    def load(self, name: str, version: str | None = None) -> Artifact:
        """One artifact, verified before anybody parses it.

        Args:
            name: model name.
            version: version; None: the one CURRENT names.

        Raises:
            ArtifactRefused: it is not there, nobody who is trusted signed it, or anything of it is not as the manifest says.
        """
        chosen = version if version is not None else self.current(name)
        if chosen is None:
            raise ArtifactRefused(f"there is no current version of {name}", field=CURRENT_FILE, expected="a published version")
        if not is_version(chosen):
            raise ArtifactRefused(f"{chosen[:40]!r} is not a version", field="version", expected="three numbers such as 1.0.3")
        try:
            with open_folder(self._model_dir(name)) as model_folder, open_folder(chosen, model_folder) as folder:
                return read_artifact(folder, name, chosen, self._signatures)
        except FileNotFoundError:
            raise ArtifactRefused(f"version {chosen} of {name} is not there", field="version") from None
        except OSError as cause:
            raise ArtifactRefused(f"version {chosen} of {name} cannot be read: {cause.strerror}", field="version") from None

    def load_latest_good(self, name: str, accept: Callable[[Artifact], object] | None = None) -> LoadedGood:
        """The current version, or the newest before it that is good. Versions newer than the current are never taken: somebody
        rolled back from them.

        Args:
            name: model name.
            accept: asked about every artifact that verified; an ``ArtifactRefused`` of it passes that version over.

        Raises:
            ArtifactRefused: no version verifies; the message says why of each.
        """
        refusals: list[Refusal] = []
        try:
            current = self.current(name)
        except ArtifactRefused as refused:
            current = None
            refusals.append(Refusal(CURRENT_FILE, str(refused)))
        candidates = newest_first(self.versions(name))
        if current is not None:
            older = tuple(version for version in candidates if version_key(version) < version_key(current))
            candidates = (current, *older)
        for version in candidates:
            try:
                artifact = self.load(name, version)
                if accept is not None:
                    accept(artifact)
                return LoadedGood(artifact, tuple(refusals))
            except ArtifactRefused as refused:
                refusals.append(Refusal(version, str(refused)))
        reasons = "; ".join(f"{refusal.version}: {refusal.reason}" for refusal in refusals) or "nothing is published"
        raise ArtifactRefused(f"no version of {name} can be served: {reasons}", field="name")

    def _model_dir(self, name: str) -> Path:
        if not is_model_name(name):
            raise ArtifactRefused(f"{name[:40]!r} is not a model name", field="name", expected="lower-case letters, digits, dashes")
        return self.models_dir / name

    def _current_key(self, name: str) -> tuple[int, int, int]:
        try:
            current = self.current(name)
        except ArtifactRefused:
            current = None
        return version_key(current) if current else (-1, -1, -1)

    def _replace_current(self, model_dir: Path, version: str) -> None:
        temporary = model_dir / f".current-{secrets.token_hex(6)}"
        write_file(temporary, f"{version}\n".encode())
        temporary.replace(model_dir / CURRENT_FILE)
        _sync_folder(model_dir)

    @contextmanager
    def _lock(self, model_dir: Path) -> Iterator[None]:
        """One writer of CURRENT at a time; the kernel frees the lock of a killed one."""
        descriptor = os.open(model_dir / _LOCK_FILE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
