"""Takes secrets out of text that leaves the process: log lines, error messages, what settings are shown.

Addresses carry passwords (``redis://:WORD@HOST``), libraries put the address into their errors, and nobody can watch every place
where an error becomes text. So the text itself is looked at, at the few doors by which it leaves.
"""

from __future__ import annotations

import re

__all__ = ["MASK", "mask"]

MASK = "***"
#: What is taken for a secret: a URL's user and password, a bearer token or basic login, and what follows a name that says so.
_SECRETS = (
    (re.compile(r"""(://)[^\s"'<>]*@"""), rf"\1{MASK}@"),
    (re.compile(r"""\b[\w.~%+-]+:(?!//)[^\s"'<>@]+@"""), f"{MASK}@"),  # the same without its scheme, as some libraries say it
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[\w.~+/=-]{8,}"), rf"\1\2{MASK}"),
    (re.compile(r"""(?i)\b((?:api[_-]?key|password|passwd|secret|token)=)[^&\s"',;]+"""), rf"\1{MASK}"),
)


def mask(text: str) -> str:
    """The text with every secret replaced by ``MASK``; what merely looks like one is replaced as well."""
    for found, instead in _SECRETS:
        text = found.sub(instead, text)
    return text
