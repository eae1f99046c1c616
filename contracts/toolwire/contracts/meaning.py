"""What a request means: the digest that tells a duplicate from a conflict."""

import hashlib

from toolwire.contracts.encoding import base64url, canonical
from toolwire.contracts.envelopes import Request


def meaning(request: Request) -> str:
    """base64url of SHA-256 over what stays the same when a client tries again.

    The deadline is not part of it: a program that was restarted asks again under the same request id, and has
    a later one.
    """
    # Put together from its sorted members: `args` alone is written at full speed, and ids need no escapes.
    tool_rev = "null" if request.tool_rev is None else f'"{request.tool_rev}"'
    text = (
        f'{{"args":{canonical(request.args)},"server_id":"{request.server_id}","tool":"{request.tool}",'
        f'"tool_rev":{tool_rev}}}'
    )
    return base64url(hashlib.sha256(text.encode()).digest())
