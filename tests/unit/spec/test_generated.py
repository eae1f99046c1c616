"""The generated files of contracts/spec are what their modules write."""

import pytest

from spec.write.files import FOLDER, generated

FILES = generated()


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_generated_file_is_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == FILES[name], "stale: make spec"


def test_nothing_else_stands_among_them() -> None:
    """A file that no module writes any more would go on being read."""
    folders = {(FOLDER / name).parent for name in FILES} - {FOLDER}
    found = {str(file.relative_to(FOLDER)) for folder in folders for file in folder.iterdir()}
    assert found == {name for name in FILES if "/" in name}
