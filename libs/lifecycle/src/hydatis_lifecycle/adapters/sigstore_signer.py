"""Signatures by an identity instead of a key: Sigstore, which has certificates of minutes and a public log.

For a CI that has an OpenID Connect identity and no place for a secret. Signing asks a certificate authority and a transparency log
over the network, and publishes who signed; verifying needs neither, only the roots of trust, which come with the library or as a
file. ``sigstore`` is imported when it is used: it weighs 60 modules that nobody needs who signs by a key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hydatis_core.errors import ArtifactRefused, DependencyUnavailable, InvalidValue

from hydatis_lifecycle.signing.bundle import PAYLOAD_TYPE
from hydatis_lifecycle.signing.contract import Signed
from hydatis_lifecycle.signing.statement import SIGNATURE_FILE

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig
    from sigstore.verify import Verifier as _Verifier

__all__ = ["SigstoreIdentity", "SigstoreSigner", "SigstoreVerifier"]

#: Where a token of the identity is taken from when the machine has none by itself.
TOKEN_VARIABLE = "SIGSTORE_ID_TOKEN"  # nosec B105  # the name of a variable


@dataclass(frozen=True, slots=True)
class SigstoreIdentity:
    """Who signs.

    Raises:
        InvalidValue: one of identity and issuer is missing: either alone would be believed of anybody.
    """

    identity: str
    """Subject of the certificate: an address, or the URL of a workflow."""
    issuer: str
    """URL of who says so, such as https://token.actions.githubusercontent.com."""
    trust: Path | None = None
    """A client trust configuration (JSON) of one's own Sigstore; None: the public one."""

    def __post_init__(self) -> None:
        if not self.identity or not self.issuer:
            raise InvalidValue("half of a Sigstore identity", field="identity, issuer", expected="both")

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> SigstoreIdentity | None:
        """The identity that ``HYDATIS_SIGSTORE_IDENTITY``, ``_ISSUER`` and ``_TRUST`` name; None: none of the first two is set.

        Raises:
            InvalidValue: only one of them is.
        """
        identity, issuer, trust = (environment.get(f"HYDATIS_SIGSTORE_{name}", "") for name in ("IDENTITY", "ISSUER", "TRUST"))
        return cls(identity, issuer, Path(trust) if trust else None) if identity or issuer else None

    @property
    def shown(self) -> str:
        """As ``Signed.signer`` says it."""
        return f"{self.identity} ({self.issuer})"

    def trust_config(self, *, offline: bool) -> ClientTrustConfig:
        """The roots of trust and addresses.

        Raises:
            DependencyUnavailable: they cannot be read, or fetched.
        """
        from sigstore.errors import Error
        from sigstore.models import ClientTrustConfig

        try:
            if self.trust is not None:
                return ClientTrustConfig.from_json(self.trust.read_text())
            return ClientTrustConfig.production(offline=offline)
        except (OSError, ValueError, Error) as cause:
            shown = f"Sigstore's roots of trust cannot be read: {str(cause)[:200]}"
            raise DependencyUnavailable(
                shown, field=str(self.trust or "sigstore"), expected="a client trust configuration"
            ) from None


@dataclass(frozen=True)
class SigstoreSigner:
    """Signs as an identity, by the token that the environment gives.

    Args:
        who: the identity that the signature is to bear.
    """

    who: SigstoreIdentity

    @property
    def identity(self) -> str:
        """Who signs."""
        return self.who.shown

    def sign(self, statement: bytes) -> bytes:
        """The signature file for a statement.

        Raises:
            DependencyUnavailable: there is no token, or authority or log do not answer.
        """
        from sigstore.dsse import Statement
        from sigstore.errors import Error
        from sigstore.oidc import IdentityError, IdentityToken, detect_credential
        from sigstore.sign import SigningContext

        try:
            token = os.environ.get(TOKEN_VARIABLE) or detect_credential()
            if not token:
                raise DependencyUnavailable(
                    "there is no identity to sign by", field=TOKEN_VARIABLE, expected="a token, or a CI's own"
                )
            context = SigningContext.from_trust_config(self.who.trust_config(offline=False))
            with context.signer(IdentityToken(token)) as signer:
                return signer.sign_dsse(Statement(statement)).to_json().encode()
        except (Error, IdentityError, OSError) as cause:
            shown = f"Sigstore did not sign: {type(cause).__name__}: {str(cause)[:200]}"
            raise DependencyUnavailable(shown, field="sigstore", expected="a good token, and authority and log in reach") from None


@dataclass(frozen=True)
class SigstoreVerifier:
    """Believes one identity.

    Args:
        who: whose signatures are believed.
    """

    who: SigstoreIdentity

    def verify(self, signature: bytes) -> Signed:
        """Checks a signature file; nothing is asked over the network.

        Raises:
            ArtifactRefused: it is broken, of another identity, or not in the log.
        """
        from sigstore.errors import Error
        from sigstore.models import Bundle
        from sigstore.verify.policy import Identity

        try:
            policy = Identity(identity=self.who.identity, issuer=self.who.issuer)
            payload_type, payload = self._verifier.verify_dsse(Bundle.from_json(signature), policy)
        except DependencyUnavailable as cause:
            raise ArtifactRefused(cause.message, field=cause.field, expected=cause.expected) from None
        except (Error, ValueError) as cause:
            shown = f"it is not signed by {self.who.shown}: {str(cause)[:200]}"
            raise ArtifactRefused(shown, field=SIGNATURE_FILE, expected="a Sigstore bundle of that identity") from None
        if payload_type != PAYLOAD_TYPE:
            raise ArtifactRefused(f"a payload of {payload_type[:80]}", field=SIGNATURE_FILE, expected=PAYLOAD_TYPE)
        return Signed(payload, self.who.shown)

    @cached_property
    def _verifier(self) -> _Verifier:
        from sigstore.verify import Verifier

        return Verifier(trusted_root=self.who.trust_config(offline=True).trusted_root)
