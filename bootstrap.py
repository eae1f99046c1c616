#!/usr/bin/env python3
"""Sets the repository up and runs one of its targets: `python3 bootstrap.py demo`, `test`, and so on.

Does what comes before anything is installed, so it needs the standard library alone. It starts on any Python
from 3.6 on, looks for one that is new enough, and goes on in that.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
UNFINISHED = "unfinished"

OLDEST = (3, 11)
OURS = ("--editable", ".[service,postgres,cli,metrics,otel,speed,testing]", "--group", "dev")
REQUIREMENTS = "benchmarks/requirements.txt"
MISSING = 3  # exit code: this machine lacks something, and the message says what to type

TARGETS = {
    "demo": "show the whole system at work, on a broker that it finds or starts",
    "test": "run every test, on a broker and a PostgreSQL that it finds or starts",
    "unit": "run the tests that need no broker and no PostgreSQL",
    "test-versions": "run every test on each RabbitMQ and Python; `test-versions 4.0` on that one alone",
    "containers": "test the image and docker-compose.yml, with a cluster; minutes, and a Docker engine",
    "fuzz": "look for a message that breaks the reader of messages, for a minute",
    "every-byte": "change every byte of every accepted test vector in all ways; minutes",
    "chaos": "break everything at full scale: a long backlog, a store away for a minute; half an hour",
    "bench": "measure Toolwire and its peers in turn; twenty minutes, or `bench --quick`",
    "spec": "write the generated parts of contracts/spec anew",
    "lint": "check style, types and layers",
    "types": "check types alone",
    "help": "show this",
}
# They mostly wait, and each process has its own servers; what waits longest begins first.
AT_ONCE = ("--numprocesses", "3", "--dist", "loadscope", "--no-loadscope-reorder")
WITHOUT_SERVERS = ("tests/unit", "tests/conformance", "-m", "not broker and not postgres")
# Debian's package makes a cluster and starts it, unless a file there says no: nobody asked for that one.
NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/toolwire.conf")
MODULES = {
    "fuzz": "tests.fuzz",
    "every-byte": "tests.fuzz.every_byte",
    "chaos": "tests.chaos",
    "spec": "spec.write",
    "test-versions": "tests.versions",
}
TYPES = (("mypy",), ("pyright",))
SPEC = ("python", "-m", "spec.validate")  # asyncapi.yaml, by AsyncAPI's own schema
LINT = (("ruff", "check"), ("ruff", "format", "--check"), *TYPES, ("lint-imports",), SPEC)


def main() -> int:
    target = sys.argv[1] if len(sys.argv) > 1 else "help"
    if target not in TARGETS or target == "help":
        return show_targets(asked=target == "help")
    # A shell's background job ignores it, and so would whatever the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(ROOT)
    go_on_in_a_newer_python()
    VENV.install()
    if target == "demo":
        return demo()
    if target == "bench":
        return bench()
    if target == "test":
        return test()
    if target == "unit":
        return become("pytest", *WITHOUT_SERVERS, *sys.argv[2:])
    if target == "containers":
        return become("pytest", "tests/containers", *sys.argv[2:])
    if target in MODULES:
        return become("python", "-m", MODULES[target], *sys.argv[2:])
    return check(TYPES if target == "types" else LINT)


def show_targets(*, asked: bool) -> int:
    print("python3 bootstrap.py TARGET, or make TARGET:")
    for name, description in TARGETS.items():
        print(f"  {name:13} {description}")
    print("What follows a target of tests goes to pytest: python3 bootstrap.py unit -k sealing")
    return 0 if asked else 2


# --- the targets ---


def demo() -> int:
    kind = find("broker", "demo") or install_rabbitmq()
    return become("python", "-m", "toolwire.cli.demo", "--broker", kind) if kind else MISSING


def bench() -> int:
    PEERS.install()
    kind = find("broker", "demo") or install_rabbitmq()
    return become("python", "-m", "benchmarks", *sys.argv[2:]) if kind else MISSING


def test() -> int:
    broker = find("broker", "tests") or install_rabbitmq()
    database = find("database") or install_postgresql()
    if broker and database:
        os.environ.update(TOOLWIRE_TEST_BROKER=broker, TOOLWIRE_TEST_POSTGRES=database)
        return become("pytest", *AT_ONCE, *sys.argv[2:])
    subprocess.call([VENV.tool("pytest"), *WITHOUT_SERVERS])
    lacking = "no PostgreSQL" if broker else "no broker" if database else "no broker and no PostgreSQL"
    say(f"FAILED: only the unit tests ran, because there is {lacking}; what to do is said above")
    return MISSING


def check(commands: "tuple[tuple[str, ...], ...]") -> int:
    """Run every check, also after one has failed, and name those that did."""
    failed = [" ".join(name) for name in commands if subprocess.call([VENV.tool(name[0]), *name[1:]])]
    if failed:
        say("FAILED: " + ", ".join(failed))
    return 1 if failed else 0


def become(name: str, *arguments: str) -> NoReturn:
    """Go on as that tool, so that signals and exit codes are its own."""
    sys.stdout.flush()
    os.execv(VENV.tool(name), [VENV.tool(name), *arguments])


# --- Python ---


def go_on_in_a_newer_python() -> None:
    """Start again in a Python that is new enough, if this one is not."""
    if sys.version_info >= OLDEST:
        return
    for python in other_pythons():
        if is_new_enough(python):
            sys.stdout.flush()
            os.execv(python, [python, *sys.argv])
    this, oldest = sys.version.split()[0], ".".join(map(str, OLDEST))
    say(f"this is Python {this}. Toolwire needs {oldest} or newer, and none was found on PATH,")
    say("in ~/.pyenv/versions, in /usr/local/bin or among uv's. Install one, for example with")
    say(f"    sudo apt-get install python{oldest} python{oldest}-venv     or     uv python install 3.13")
    raise SystemExit(MISSING)


def other_pythons() -> "list[str]":
    names = ("python3.13", "python3.12", "python3.11", "python3.14", "python3")
    on_path = [str(shutil.which(name)) for name in names if shutil.which(name)]
    patterns = (
        (Path.home() / ".pyenv/versions", "3.*/bin/python3"),
        (Path.home() / ".local/share/uv/python", "cpython-3*/bin/python3"),
        (Path("/usr/local/bin"), "python3.1?"),
        (Path("/opt/homebrew/bin"), "python3.1?"),
    )
    return on_path + [str(found) for folder, pattern in patterns for found in sorted(folder.glob(pattern))]


def is_new_enough(python: str) -> bool:
    """Ask it, whatever its name is: pyenv's shims also stand for versions that are switched off."""
    return succeeds(python, "-c", f"import sys; sys.exit(sys.version_info < {OLDEST})")


def series_of(python: str) -> str:
    """Say which Python that is, as 3.12; an empty text where it is none that runs."""
    return output_of(python, "-c", "import sys; print('{}.{}'.format(*sys.version_info))")


def python_of(series: str) -> str:
    """Find a Python of that series, such as 3.12, or have uv fetch one; an empty text where there is none."""
    for python in (sys.executable, *other_pythons()):
        if series_of(python) == series:
            return python
    uv = shutil.which("uv")
    return output_of(uv, "python", "find", series) if uv and succeeds(uv, "python", "install", series) else ""


# --- the virtual environment ---


class Venv:
    """A virtual environment in `folder`, made with `python` and kept as long as it will do.

    `packages` is what pip is told to install there, and once more whenever the file `source` has changed.
    """

    def __init__(
        self, folder: Path, python: str, packages: "tuple[str, ...]" = OURS, source: str = "pyproject.toml"
    ) -> None:
        self.folder = folder
        self.python = python
        self.packages = packages
        self.source = source
        self.stamp_file = folder / "toolwire-stamp"  # what was installed last, or UNFINISHED meanwhile

    def tool(self, name: str) -> str:
        return str(self.folder / "bin" / name)

    def install(self) -> None:
        """Bring it up to what its source asks for; at once where that is done already."""
        with Path(__file__).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # `make test` and `make demo` started together take turns
            if self.stamp() == wanted(self.packages, self.source) and Path(self.tool("python")).exists():
                return
            say(f"installing into {self.folder.name} (half a minute, the first time)")
            if not self.can_be_kept():
                self.make()
            self.stamp_file.write_text(UNFINISHED)
            pip = (self.tool("python"), "-m", "pip", "install", "--quiet")
            try:
                quietly(*pip, "--upgrade", "pip>=25.1")  # the first that knows dependency groups
                quietly(*pip, *self.packages)
            except SystemExit:
                self.stamp_file.unlink()  # pip ended by itself: all is whole, the next try goes on from here
                raise
            self.stamp_file.write_text(wanted(self.packages, self.source))

    def stamp(self) -> str:
        return self.stamp_file.read_text() if self.stamp_file.exists() else ""

    def can_be_kept(self) -> bool:
        """Tell whether it works and stands where it was made; what an interrupted run left is not trusted."""
        if self.stamp() and not self.stamp().endswith(f" in {ROOT}"):
            return False
        python = self.tool("python")
        return Path(python).exists() and is_new_enough(python) and succeeds(python, "-m", "pip", "--version")

    def make(self) -> None:
        """Make it anew with whatever can: the standard library, uv, virtualenv, or Debian's python3-venv."""
        shutil.rmtree(self.folder, ignore_errors=True)
        python, uv, folder = self.python, shutil.which("uv"), str(self.folder)
        if succeeds(python, "-c", "import ensurepip, venv"):
            quietly(python, "-m", "venv", folder)
        elif uv:
            quietly(uv, "venv", "--seed", "--python", python, folder)
        elif succeeds(python, "-m", "virtualenv", "--version"):
            quietly(python, "-m", "virtualenv", folder)
        elif apt_install(f"python{series_of(python)}-venv", f"{python} cannot make {self.folder.name}"):
            quietly(python, "-m", "venv", folder)
        else:
            raise SystemExit(MISSING)


def wanted(packages: "tuple[str, ...]" = OURS, source: str = "pyproject.toml") -> str:
    """Say what one that is up to date was made from. A moved folder counts: scripts hold absolute paths."""
    return f"{hashlib.sha256((ROOT / source).read_bytes()).hexdigest()} {' '.join(packages)} in {ROOT}"


VENV = Venv(ROOT / ".venv", sys.executable)
# The peers have one of their own: what they ask for must not decide which versions Toolwire is tested with.
PEERS = Venv(ROOT / ".venv-bench", sys.executable, ("--requirement", REQUIREMENTS), REQUIREMENTS)


# --- the broker and the database ---


def find(what: str, *arguments: str) -> str:
    """Return the kind of broker or database to use; an empty text where there is none, which was said."""
    command = [VENV.tool("python"), "-m", f"toolwire.testing.find_{what}", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode not in (0, MISSING):
        raise SystemExit(done.returncode)  # it broke, which says nothing of brokers
    return done.stdout.decode().strip()


def install_rabbitmq() -> str:
    """Install the system's RabbitMQ if that can be done; return the kind of broker that it makes."""
    asked_for_another = os.environ.get("TOOLWIRE_TEST_BROKER", "node") != "node"
    if asked_for_another or os.environ.get("TOOLWIRE_BROKER_URL"):
        return ""
    had_erlang = shutil.which("epmd")
    if not apt_install("rabbitmq-server", "there is no RabbitMQ"):
        return ""
    # Nobody asked for that broker, and it listens on every interface. Toolwire's own nodes keep to 127.0.0.1.
    say("the package may have started a broker on all interfaces: stopping it and switching it off")
    if Path("/run/systemd/system").is_dir():
        quietly("systemctl", "disable", "--now", "rabbitmq-server")
        if not had_erlang:
            succeeds("systemctl", "disable", "--now", "epmd.socket", "epmd.service")
    elif Path("/etc/init.d/rabbitmq-server").exists():
        quietly("/etc/init.d/rabbitmq-server", "stop")
        quietly("update-rc.d", "rabbitmq-server", "disable")
        if not had_erlang:
            succeeds("epmd", "-kill")
    return "node"


def install_postgresql() -> str:
    """Install the system's PostgreSQL if that can be done; return the kind of database that it makes."""
    asked_for_another = os.environ.get("TOOLWIRE_TEST_POSTGRES", "cluster") != "cluster"
    if asked_for_another or os.environ.get("TOOLWIRE_TEST_POSTGRES_URL"):
        return ""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        apt_install("postgresql", "there is no PostgreSQL")  # says what to type
        return ""
    NO_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
    NO_CLUSTER.write_text("create_main_cluster = false\n")
    try:
        apt_install("postgresql", "there is no PostgreSQL")
    finally:
        NO_CLUSTER.unlink()
    return "cluster"


# --- commands ---


def apt_install(package: str, why: str) -> bool:
    """Install a Debian package as root, saying so first; else print what to type and return False."""
    if not shutil.which("apt-get"):
        say(f"{why}. Install {package} with your system's package manager, and try again")
        return False
    if os.geteuid() != 0:
        say(f"{why}. Type this, and try again:\n    sudo apt-get install {package}")
        return False
    say(f"{why}: installing Debian's package {package} (apt-get install)")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    quietly("apt-get", "update")
    options = ("--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300")
    quietly("apt-get", "install", *options, package)
    return True


def output_of(*command: str) -> str:
    """Return what a command says; an empty text where it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.stdout.decode().strip() if done.returncode == 0 else ""


def succeeds(*command: str) -> bool:
    return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def quietly(*command: str) -> None:
    """Run a command; show its output, and stop, only when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode == 0:
        return
    say(f"{' '.join(command)} failed with exit code {done.returncode}:")
    print(done.stdout.decode(errors="replace"), flush=True)
    raise SystemExit(1)


def say(text: str) -> None:
    print("toolwire: " + text, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
