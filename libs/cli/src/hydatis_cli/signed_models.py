"""Who signs the models of a state folder, and whose are believed there.

One key per state folder, made with the first model; whatever the stack starts is told its public half. So on a laptop signatures
are there without anybody having asked for them, and a model that came into the folder by another way is refused.
"""

from __future__ import annotations

import os

from hydatis_core.errors import ArtifactRefused
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.signing.contract import Signer
from hydatis_pipelines.lifecycle_home import LifecycleHome

from hydatis_cli.state_folder import StateFolder

__all__ = ["lifecycle_home", "require_signed", "signed_folder", "signer_of_state", "trusting_settings"]


def lifecycle_home(state: StateFolder) -> LifecycleHome:
    """Where the lifecycle of a state folder keeps its things."""
    return LifecycleHome(state.root / "lifecycle", os.environ)


def signer_of_state(state: StateFolder) -> Signer:
    """Signs for a state folder: by its key, made where there is none, or as the Sigstore identity of the environment.

    Raises:
        InvalidValue: the key cannot be used, or half an identity is configured.
        DependencyUnavailable: the key cannot be read or made.
    """
    from hydatis_lifecycle.adapters.signers import signer_of
    from hydatis_lifecycle.adapters.sigstore_signer import SigstoreIdentity

    return signer_of(lifecycle_home(state).signing_key, SigstoreIdentity.of(os.environ))


def signed_folder(state: StateFolder) -> ArtifactFolder:
    """The models of a state folder, of which it takes what the stack would take."""
    from hydatis_lifecycle.adapters.ec_key import trusted_keys_beside
    from hydatis_lifecycle.adapters.signers import check_of
    from hydatis_lifecycle.adapters.sigstore_signer import SigstoreIdentity

    trusted = trusted_keys_beside(lifecycle_home(state).signing_key)
    return ArtifactFolder(state.models, check_of(trusted, SigstoreIdentity.of(os.environ)))


def trusting_settings(state: StateFolder) -> dict[str, str]:
    """What a process that loads models is told: settings without their prefix."""
    names = {name: os.environ.get(f"HYDATIS_{name}", "") for name in ("SIGSTORE_IDENTITY", "SIGSTORE_ISSUER", "SIGSTORE_TRUST")}
    trusted = lifecycle_home(state).signing_key.resolve().parent / "trusted"
    return {"TRUSTED_KEYS": str(trusted)} | {name: value for name, value in names.items() if value}


def require_signed(state: StateFolder, model: str) -> None:
    """Looks, before anything is started, whether a version of a model would be loaded.

    Raises:
        ArtifactRefused: none would; the message says why of each.
    """
    try:
        signed_folder(state).load_latest_good(model)
    except ArtifactRefused as refused:
        expected = "models that `hydatis train` signed; of those that you trust, `hydatis models sign` signs what lies there"
        raise ArtifactRefused(refused.message, field=str(state.models), expected=expected) from None
