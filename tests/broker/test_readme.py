"""What the README shows can be pasted and run."""

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from tests.command_line import PATIENCE_S, running, toolwire

README = Path(__file__).parents[2] / "README.md"


def python_blocks() -> list[str]:
    """The Python of the README, in order: the service, and who asks it."""
    return re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def toolwire_lines() -> list[list[str]]:
    """The commands of the README that call `toolwire`, without comments."""
    lines = re.findall(r"^    \.venv/bin/toolwire (.*)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


def test_the_readme_can_be_pasted_and_run(vhost_url: str, tmp_path: Path) -> None:
    """On a broker that is there already, so that a test needs no second one."""
    app, ask = python_blocks()
    (tmp_path / "app.py").write_text(app, encoding="utf-8")
    (tmp_path / "ask.py").write_text(ask, encoding="utf-8")
    dev, call = toolwire_lines()
    with running(*dev, "--broker", vhost_url, folder=tmp_path) as serving:
        serving.wait_for("Ctrl-C ends it.")
        asked = subprocess.run(
            [sys.executable, "ask.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert (asked.stdout, asked.stderr) == ("3\n", "")
        assert toolwire(*call, folder=tmp_path).out == "3\n"
        serving.signal(signal.SIGINT)
        assert serving.ended() == 0
