"""`python -m spec.validate` needs no registry once it has the package, and never takes another for it."""

import base64
import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from spec.validate.__main__ import complaints
from spec.validate.npm_package import NpmPackage, Unavailable

SCHEMA = {
    "type": "object",
    "properties": {
        "servers": {"additionalProperties": {"oneOf": [{"required": ["$ref"]}, {"required": ["host"]}]}}
    },
    "required": ["asyncapi"],
}


@pytest.fixture(autouse=True)
def no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there."""
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")


@pytest.fixture
def package(tmp_path: Path) -> NpmPackage:
    """A package that stands in the cache already."""
    with tarfile.open(tmp_path / "some-specs-1.0.0.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("package/a.json")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"{}"))
    digest = hashlib.sha512((tmp_path / "some-specs-1.0.0.tgz").read_bytes()).digest()
    return NpmPackage("@some/specs", "1.0.0", f"sha512-{base64.b64encode(digest).decode()}")


def test_a_kept_package_is_read_without_the_registry(package: NpmPackage, tmp_path: Path) -> None:
    assert package.member("package/a.json", tmp_path) == b"{}"


def test_a_file_that_was_not_pinned_is_not_read(package: NpmPackage, tmp_path: Path) -> None:
    """It is fetched anew, which fails here in one line that names the address."""
    other = replace(package, integrity="sha512-" + "A" * 86 + "==")
    with pytest.raises(Unavailable, match=r"@some/specs@1\.0\.0: .*127\.0\.0\.1:9") as told:
        other.member("package/a.json", tmp_path)
    assert "\n" not in str(told.value)
    assert list(tmp_path.iterdir()) == [tmp_path / "some-specs-1.0.0.tgz"]


def test_complaints_say_where_and_what() -> None:
    assert list(complaints({"asyncapi": "3.0.0", "servers": {"local": {"host": "h"}}}, SCHEMA)) == []
    assert list(complaints({"servers": {"local": {}}}, SCHEMA)) == [
        "servers/local: 'host' is a required property",
        "the whole: 'asyncapi' is a required property",
    ]
