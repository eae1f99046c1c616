"""Write the generated files of contracts/spec anew: `make spec`.

They are kept in the repository, so that whoever reads the protocol needs no Python. A test fails when one of
them is not what these modules write.
"""

from spec.write.files import FOLDER, generated


def main() -> None:
    """Write what is not as it should be, and name it."""
    for name, text in generated().items():
        file = FOLDER / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
            print(f"wrote {name}")  # noqa: T201 - a command talks


if __name__ == "__main__":
    main()
