"""Asks Kubernetes whose token it is (TokenReview) and whether they may (SubjectAccessReview), as kube-rbac-proxy does.

An answer is kept for some seconds, so that a script that asks often does not make the API server answer as often; what cannot be
asked is refused. A token is kept as its digest alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from hydatis_core.errors import CallerError, NotAllowed, NotKnown, TooMany

from hydatis_serving.logs import get_logger

__all__ = ["AUDIENCE", "TokenReviewer"]

#: Audience of the tokens that are taken: one made for another service, or for the API server, opens nothing here.
AUDIENCE = "hydatis"
#: How long an answer is believed, good or bad: a right that was taken away holds so much longer.
KEPT_SECONDS = 10.0
KEPT_COUNT = 256
#: Questions under way at a time, those that wait for their turn included.
MOST_ASKING_COUNT = 16
LONGEST_TOKEN_CHARACTERS = 16_384

_log = get_logger(__name__)


class Reviews(Protocol):
    """Where questions are put."""

    def create(self, path: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Posts a review; returns it with its status. DependencyUnavailable when it cannot be had."""
        ...


class TokenReviewer:
    """Says whether the bearer of a token may do something.

    Args:
        reviews: the API server.
        clock: monotonic seconds.
    """

    def __init__(self, reviews: Reviews, clock: Callable[[], float] = time.monotonic) -> None:
        self._reviews = reviews
        self._clock = clock
        self._kept: OrderedDict[tuple[bytes, str, str], tuple[float, CallerError | None]] = OrderedDict()
        self._asking_count = 0

    async def check(self, authorization: str, verb: str, path: str) -> None:
        """Returns when the bearer may.

        Args:
            authorization: "Bearer TOKEN".
            verb: of the non-resource rule.
            path: of the non-resource rule.

        Raises:
            NotKnown, NotAllowed: they may not. DependencyUnavailable, TooMany: it cannot be known.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip() or len(token) > LONGEST_TOKEN_CHARACTERS:
            expected = f"a bearer token of audience {AUDIENCE!r}: kubectl create token ACCOUNT --audience {AUDIENCE}"
            raise NotKnown("an admin call without a bearer token", field="authorization", expected=expected)
        key = (hashlib.sha256(token.encode()).digest(), verb, path)
        until, refusal = self._kept.get(key, (0.0, None))
        if self._clock() >= until:
            refusal = await self._ask(token.strip(), verb, path)
            self._kept[key] = (self._clock() + KEPT_SECONDS, refusal)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT_COUNT:
                self._kept.popitem(last=False)
        if refusal is not None:
            raise type(refusal)(refusal.message, field=refusal.field, expected=refusal.expected)

    async def _ask(self, token: str, verb: str, path: str) -> CallerError | None:
        if self._asking_count >= MOST_ASKING_COUNT:
            raise TooMany("too many admin calls wait for Kubernetes to say who makes them", field="authorization")
        self._asking_count += 1
        try:
            return await asyncio.to_thread(self._reviewed, token, verb, path)
        finally:
            self._asking_count -= 1

    def _reviewed(self, token: str, verb: str, path: str) -> CallerError | None:
        asked = {"token": token, "audiences": [AUDIENCE]}
        known = self._review("authentication.k8s.io/v1", "TokenReview", asked)
        if known.get("authenticated") is not True or AUDIENCE not in known.get("audiences", ()):
            _log.warning("admin call of nobody we know", verb=verb, path=path)
            return NotKnown("the token does not hold", field="authorization", expected=f"one of audience {AUDIENCE!r}, not expired")
        user = known.get("user", {})
        who = {name: user[key] for name, key in _USER_FIELDS if key in user}
        attributes = {"nonResourceAttributes": {"verb": verb, "path": path}}
        allowed = self._review("authorization.k8s.io/v1", "SubjectAccessReview", who | attributes).get("allowed") is True
        _log.info("admin call", user=user.get("username", ""), verb=verb, path=path, allowed=allowed)
        if allowed:
            return None
        name = str(user.get("username", ""))[:200]
        expected = f"RBAC that allows {verb!r} on the non-resource URL {path}"
        return NotAllowed(f"{name} may not make this call", field="authorization", expected=expected)

    def _review(self, api: str, kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        path = f"/apis/{api}/{kind.lower()}s"
        status = self._reviews.create(path, {"apiVersion": api, "kind": kind, "spec": dict(spec)}).get("status")
        return status if isinstance(status, dict) else {}


#: Of a SubjectAccessReview, and of the user that a TokenReview says.
_USER_FIELDS = (("user", "username"), ("uid", "uid"), ("groups", "groups"), ("extra", "extra"))
