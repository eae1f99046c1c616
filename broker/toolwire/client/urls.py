"""URLs that hold a password: whether they are whole, and what of them may be shown."""

import re
from urllib.parse import urlsplit

UNREADABLE = "it cannot be read as a URL: percent-encode the password (`/` is %2F, `#` is %23, `@` is %40)"

_HOST = re.compile(r"[\w.:%-]*")


def is_whole(url: str) -> bool:
    """Whether it parses, and no unescaped `/`, `?`, `#` or `@` of a password cuts it into pieces.

    Nothing else is told of it: what the parsers say quotes the password.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # is parsed only now
    except ValueError:
        return False
    after = parts.path + parts.query
    return not re.search(r"[#\\]", url) and "@" not in after and bool(_HOST.fullmatch(parts.hostname or ""))


def is_page(url: str) -> bool:
    """Whether it is whole, and of something that speaks HTTP."""
    return is_whole(url) and urlsplit(url).scheme in {"http", "https"} and bool(urlsplit(url).hostname)


def without_password(url: str) -> str:
    """Scheme, host and path: anything else may be a piece of a password."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        return url.partition("?")[0]  # a file, with no password, and perhaps an `@` in its name
    shown = f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
    return shown if is_whole(shown) and urlsplit(shown).hostname else f"{scheme}://… (unreadable)"
