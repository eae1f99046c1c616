"""`docker compose up --wait`, and what its comment says can be done then."""

import asyncio
import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.command_line import TOOLWIRE
from tests.containers.compose import PATIENCE_S, Compose, eventually, health, inspect, output
from toolwire.client import Client
from toolwire.contracts.jobs import Status

REPLICAS = 2
LONG = [20] * 8  # seconds of jobs: as many as both replicas run at the same time
SHORT = [1] * 8
OURS = 10001  # the user of the image


def test_it_ends_healthy_from_nothing_and_again(system: Compose) -> None:
    before = system.containers("demo")
    system.up()
    assert system.containers("demo") == before
    assert len(before) == REPLICAS
    for service in ("demo", "rabbitmq", "postgres"):
        assert [health(each) for each in system.containers(service)] == ["healthy"] * len(
            system.containers(service)
        )


def test_the_store_is_the_postgresql_in_it(system: Compose) -> None:
    job = system.toolwire("submit", "start_long_task", "seconds=1")["job_id"]
    select = "SELECT job_id FROM tw_records WHERE job_id IS NOT NULL"
    assert job in system("exec", "-T", "postgres", "psql", "--username=toolwire", "-qAtc", select).split()
    looked = system("exec", "-T", "demo", "toolwire", "doctor", "--only", "store", "--json")
    assert json.loads(looked)["worst"] == "ok", looked
    assert "store.sqlite3" not in system("exec", "-T", "demo", "ls", "-A", "/homes/server")


def test_a_call_from_inside(system: Compose) -> None:
    assert system.toolwire("call", "batch_sum", "numbers=[1, 2, 3]") == {"count": 3, "total": 6.0}


def test_a_call_from_the_host(system: Compose, tmp_path: Path) -> None:
    home = system.client_home(tmp_path)
    done = subprocess.run(
        [*TOOLWIRE, "call", "batch_sum", "numbers=[1, 2, 3]", "--json"],
        env=os.environ | {"TOOLWIRE_HOME": str(home)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.stdout, done.stderr) == ('{"count":3,"total":6.0}\n', "")
    for file in home.rglob("*"):
        found = file.stat()
        assert found.st_uid == os.getuid()
        assert stat.S_IMODE(found.st_mode) == (0o700 if file.is_dir() else 0o600)


def test_each_has_its_own_private_key_alone(system: Compose, tmp_path: Path) -> None:
    system("cp", "keys:/homes/server", str(tmp_path / "server"))
    home = system.client_home(tmp_path)
    assert [file.name for file in (home / "keys").iterdir()] == ["client-001.1.pem"]
    assert [file.name for file in (tmp_path / "server" / "keys").iterdir()] == ["mcp-server-001.1.pem"]


def test_the_replicas_can_do_little(system: Compose) -> None:
    for each in system.containers("demo"):
        host = inspect(each)["HostConfig"]
        assert (host["ReadonlyRootfs"], host["CapDrop"], host["Privileged"]) == (True, ["ALL"], False)
    assert system("exec", "-T", "demo", "id", "-u").strip() == str(OURS)


def test_ports_are_open_to_this_machine_alone(system: Compose) -> None:
    published = {
        (service, port): {binding["HostIp"] for binding in bindings}
        for service in ("demo", "rabbitmq", "postgres")
        for each in system.containers(service)
        for port, bindings in inspect(each)["NetworkSettings"]["Ports"].items()
        if bindings
    }
    assert published == {("rabbitmq", "5672/tcp"): {"127.0.0.1"}, ("rabbitmq", "15672/tcp"): {"127.0.0.1"}}


def test_passwords_are_seen_by_those_who_need_them_alone(system: Compose) -> None:
    passwords = [
        system("exec", "-T", service, "cat", f"/passwords/{service}/password")
        for service in ("rabbitmq", "postgres")
    ]
    containers = system("ps", "--all", "--quiet").split()
    told = system("config") + json.dumps([inspect(each) for each in containers]) + system("logs")
    assert len(set(passwords)) == len(passwords)
    assert not [password for password in passwords if password in told]
    assert system("exec", "-T", "rabbitmq", "rabbitmqctl", "--quiet", "list_users").split()[2:] == [
        "toolwire",
        "[administrator]",
    ]


def test_a_stopped_replica_drains(system: Compose) -> None:
    system("stop", "demo")
    assert [inspect(each)["State"]["ExitCode"] for each in system.containers("demo")] == [0] * REPLICAS
    system.up()


@pytest.mark.parametrize("service", ["rabbitmq", "postgres"])
def test_a_replica_is_unhealthy_until_what_it_needs_is_back(system: Compose, service: str) -> None:
    system("kill", service)
    demos = system.containers("demo")
    eventually(lambda: {health(each) for each in demos} == {"unhealthy"}, "both replicas are unhealthy")
    system("start", service)
    eventually(lambda: {health(each) for each in demos} == {"healthy"}, "both replicas are healthy")
    assert system.containers("demo") == demos
    assert system.toolwire("call", "batch_sum", "numbers=[4]")["total"] == 4


def test_a_killed_replicas_job_is_taken_over(system: Compose) -> None:
    """By the other one, which shares its store, when its lease has ended."""
    system.up("--scale=demo=1", "demo")
    first = system.container("demo")
    job = system.toolwire("submit", "start_long_task", "seconds=15")["job_id"]
    eventually(lambda: system.toolwire("poll", job)["status"] == "running", "the job runs")
    system.up(f"--scale=demo={REPLICAS}", "--no-recreate", "demo")
    output("docker", "kill", first)
    eventually(lambda: system.toolwire("poll", job)["final"], "the job is over")
    ended = system.toolwire("poll", job)
    assert (ended["status"], ended["attempt"]) == ("done", 2)
    assert inspect(first)["State"]["Running"] is False


@pytest.mark.promise("P8")
async def test_a_restart_of_everything_loses_no_job(system: Compose, tmp_path: Path) -> None:
    """Some run and more wait while broker, database and replicas go and come back."""
    system.up()
    async with Client(home=system.client_home(tmp_path), timeout=PATIENCE_S) as client:
        jobs = [await client.submit("start_long_task", {"seconds": seconds}) for seconds in LONG + SHORT]
        await asyncio.to_thread(system, "restart")
        await asyncio.gather(*(job.result(timeout=PATIENCE_S) for job in jobs))
        listed = await client.list_jobs(statuses=[Status.DONE])
    assert {job.id for job in jobs} <= {job.job_id for job in listed.jobs}
    system.up()
