"""Who is measured: Toolwire with each kind of key, and its peers as their own documentation sets them up."""

from functools import partial
from pathlib import Path

from benchmarks.c_echo import compiled
from benchmarks.contender import Contender, peer, toolwire
from benchmarks.ground import REDIS
from benchmarks.job_workloads import TOOLWIRE_WORKLOADS
from benchmarks.workloads import CALLS

BASELINE = "aio-pika JsonRPC"
HMAC = "Toolwire HMAC"
ED25519 = "Toolwire Ed25519"
FASTSTREAM = "FastStream RPC"
CELERY = "Celery rpc://"
C_ECHO = "C echo"

TOOLWIRE_SETTINGS = (
    "requests and answers signed with {}, validated; quorum queue for requests, persistent messages, "
    "confirms, acks after the answer is confirmed"
)


def contenders(peers_python: Path) -> list[Contender]:
    """All of them, in the order of the table; `peers_python` runs the peers' programs."""
    return [
        toolwire(
            HMAC,
            TOOLWIRE_SETTINGS.format("HMAC-SHA256"),
            *("--key", "hmac"),
            workloads=CALLS | TOOLWIRE_WORKLOADS,
        ),
        toolwire(ED25519, TOOLWIRE_SETTINGS.format("Ed25519"), "--key", "ed25519"),
        *_aio_pika(peers_python),
        *_frameworks(peers_python),
        *_with_redis(peers_python),
        _c_echo(peers_python),
    ]


def _aio_pika(python: Path) -> list[Contender]:
    libraries = ["aio-pika", "aiormq", "pamqp"]
    return [
        peer(
            python,
            BASELINE,
            "aio_pika_rpc.py",
            "patterns.JsonRPC over connect_robust; unsigned JSON; classic queue; confirms; not persistent",
            options=["--pattern", "json"],
            measured=libraries,
        ),
        peer(
            python,
            "aio-pika RPC",
            "aio_pika_rpc.py",
            "patterns.RPC: the same with pickle, which runs whatever a message tells it to",
            options=["--pattern", "pickle"],
            measured=libraries,
        ),
        peer(
            python,
            "bare aio-pika",
            "aio_pika_echo.py",
            "no framework: queues and correlation ids; unsigned JSON; classic queues; confirms; prefetch "
            "256; not persistent",
            measured=libraries,
        ),
        peer(
            python,
            "bare aiormq",
            "aiormq_echo.py",
            "the same on the library below aio-pika",
            measured=libraries,
        ),
    ]


def _frameworks(python: Path) -> list[Contender]:
    return [
        peer(
            python,
            FASTSTREAM,
            "faststream_rpc.py",
            "broker.request, which lets one call at a time through; direct reply-to; durable classic queue; "
            "confirms; not persistent",
            measured=["faststream"],
        ),
        peer(
            python,
            CELERY,
            "celery_tasks.py",
            "delay and get from a thread for each caller; confirm_publish; acks_late; the solo pool, the "
            "fastest of its pools for such work; prefetch 64; durable classic queue, persistent requests",
            workloads=CALLS | {"job-life"},
            measured=["celery", "kombu", "amqp"],
        ),
    ]


def _with_redis(python: Path) -> list[Contender]:
    dramatiq = (
        "confirm_delivery; 8 worker threads, as its command line starts; durable classic queue, persistent"
    )
    taskiq = "AioPikaBroker, qos 256; durable classic queue, persistent"
    return [
        peer(
            python,
            "Dramatiq",
            "dramatiq_actors.py",
            f"{dramatiq}; results in a private Redis, since RabbitMQ is none of its result backends",
            options=["--redis", REDIS],
            measured=["dramatiq", "pika"],
        ),
        peer(
            python,
            "Taskiq",
            "taskiq_tasks.py",
            f"{taskiq}; results in a private Redis, looked for every 5 ms, since its own 200 ms would be all "
            "that is seen",
            options=["--redis", REDIS],
            measured=["taskiq", "taskiq-aio-pika", "taskiq-redis"],
        ),
    ]


def _c_echo(python: Path) -> Contender:
    program = python.parent / "c_echo"
    return Contender(
        name=C_ECHO,
        server=[str(program)],
        load=[str(program)],
        settings="librabbitmq, one thread, pipelined; quorum queue for requests and durable classic for "
        "answers, as Toolwire's; persistent, confirms, acks when the answer is confirmed; unsigned",
        workloads=CALLS - {"arguments"},
        lacking=partial(compiled, program),
    )
