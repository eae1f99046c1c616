"""The image of services/Dockerfile by itself."""

import json
import re

from tests.containers.compose import inspect, output

LOOK_FOR_SECRETS = """
find / -xdev \\( -name '*.pem' -o -name '*.secret' -o -name '*.sqlite3' -o -name registry.toml \\) \
    -not -path '*/certifi/*' -not -path '/etc/ssl/*' -not -path '/usr/*'
grep -rl 'PRIVATE KEY-----' /app /homes /passwords /opt/toolwire/bin /etc 2>/dev/null
find /homes /passwords -type f
"""


def run(image: str, program: str, *words: str) -> str:
    return output("docker", "run", "--rm", "--network=none", f"--entrypoint={program}", image, *words)


def test_it_runs_as_nobody_special_and_not_through_a_shell(image: str) -> None:
    config = inspect(image)["Config"]
    assert config["User"] == "toolwire"
    assert config["Entrypoint"] == ["toolwire"]
    assert config["Cmd"] == ["serve", "toolwire.services.demo:service"]
    assert config["Healthcheck"]["Test"] == ["CMD", "toolwire", "health"]
    assert run(image, "id", "-u").strip() == "10001"


def test_no_secret_is_baked_in(image: str) -> None:
    assert run(image, "sh", "-c", LOOK_FOR_SECRETS + "true") == ""
    told = output("docker", "history", "--no-trunc", "--format={{.CreatedBy}}", image)
    told += json.dumps(inspect(image)["Config"]["Env"])
    assert not re.findall(r"(?i)password=|secret=|token=|amqp://", told)


def test_what_it_does_not_need_is_not_there(image: str) -> None:
    """Neither pip in its environment, nor the tests and the docs, nor anything that the user could change."""
    run(image, "sh", "-c", "! test -e /opt/toolwire/bin/pip && ! test -e /app/tests")
    run(image, "sh", "-c", "! touch /app/x && ! touch /opt/toolwire/x && touch /tmp/x")


def test_the_wheel_has_the_template_of_new_projects(image: str) -> None:
    made = run(image, "sh", "-c", "cd /tmp && toolwire new hello --json")
    assert {"app.py", ".gitignore", "tests/test_app.py"} <= set(json.loads(made)["files"])
