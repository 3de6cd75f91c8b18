"""Whose models a service loads: settings that those services share which load artifacts themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from hydatis_lifecycle.adapters.signers import check_of
from hydatis_lifecycle.adapters.sigstore_signer import SigstoreIdentity
from hydatis_lifecycle.signing.check import SignatureCheck
from prometheus_client import CollectorRegistry, Gauge
from pydantic import BaseModel, ConfigDict

from hydatis_serving.logs import get_logger

__all__ = ["SignatureSettings", "tell_signatures"]

_log = get_logger(__name__)


class SignatureSettings(BaseModel):
    """Keys and identities whose models are believed."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    trusted_keys: str = ""
    """PEM file with a public key, or folder whose .pem files are all trusted: a model that none of them signed is not loaded. Read
    again for every model. Empty, and no identity either: signatures are not checked, and the log says so."""
    unsigned_models: Literal["refuse", "accept"] = "refuse"
    """What becomes of a model without a signature, once keys or an identity are configured. accept is for a change-over: a
    signature that is there must be good even then."""
    sigstore_identity: str = ""
    """Identity (address, or URL of a workflow) whose Sigstore signatures are believed; with sigstore_issuer."""
    sigstore_issuer: str = ""
    """URL of who vouches for that identity."""
    sigstore_trust: str = ""
    """File with the client trust configuration of one's own Sigstore. Empty: the public one's roots, as the library has them."""

    def signature_check(self) -> SignatureCheck | None:
        """Whom models are believed of; None: signatures are not checked.

        Raises:
            InvalidValue: an identity without its issuer, or the other way round.
        """
        environment = {
            "HYDATIS_SIGSTORE_IDENTITY": self.sigstore_identity,
            "HYDATIS_SIGSTORE_ISSUER": self.sigstore_issuer,
            "HYDATIS_SIGSTORE_TRUST": self.sigstore_trust,
        }
        keys = Path(self.trusted_keys) if self.trusted_keys else None
        return check_of(keys, SigstoreIdentity.of(environment), self.unsigned_models)


def tell_signatures(check: SignatureCheck | None, registry: CollectorRegistry) -> None:
    """Says, in the log and as a metric, whether only signed models are loaded: nobody should have to guess it."""
    required = check is not None and check.unsigned == "refuse"
    gauge = Gauge("hydatis_signatures_required", "1: models must be signed by somebody trusted; 0: not.", registry=registry)
    gauge.set(required)
    if check is None:
        _log.warning("signatures of models are not checked: no trusted_keys are configured")
    elif not required:
        _log.warning("models without a signature are accepted: unsigned_models is accept")
