"""HOST:PORT, as settings say it."""

from typing import NamedTuple


class HttpAddress(NamedTuple):
    """Where a replica answers HTTP; port 0 stands for any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def http_address(text: str) -> HttpAddress:
    """The address that `text` names, such as 127.0.0.1:9464 or [::1]:9464. `ValueError` where it is none."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and colon and port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError("an address is HOST:PORT, such as 127.0.0.1:9464")
    return HttpAddress(host, int(port))
