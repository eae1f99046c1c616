"""How a private node is told to be private: its files, and the environment of its process."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one node, all on 127.0.0.1."""

    amqp: int
    distribution: int
    management: int

    @classmethod
    def free(cls) -> Self:
        """Ports that nobody listens on at this moment."""
        sockets = [socket.socket() for _ in range(3)]
        try:
            for each in sockets:
                each.bind(("127.0.0.1", 0))
            return cls(*(int(each.getsockname()[1]) for each in sockets))
        finally:
            for each in sockets:
                each.close()


def erlang_arguments(settings: Mapping[str, int]) -> str:
    """What to put into RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS for settings of the server by their Erlang names.

    rabbitmq.conf has no word for some of them, such as `channel_tick_interval` in 3.10.
    """
    return "".join(f" -rabbit {name} {value}" for name, value in settings.items())


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What does not change between two starts of a node. Everything lies in `folder`."""

    folder: Path
    user: str
    password: str
    management: bool
    server: Mapping[str, int] = field(default_factory=dict[str, int])
    """Settings of the server by their Erlang names, such as `consumer_timeout` in milliseconds."""

    def write(self, ports: Ports) -> None:
        """Write the configuration files."""
        (self.folder / "env.conf").write_text("")
        plugins = "rabbitmq_management" if self.management else ""
        (self.folder / "enabled_plugins").write_text(f"[{plugins}].\n")
        lines = [
            f"listeners.tcp.1 = 127.0.0.1:{ports.amqp}",
            f"default_user = {self.user}",
            f"default_pass = {self.password}",
            "disk_free_limit.absolute = 50MB",
            "log.console = false",
        ]
        if self.management:
            lines += ["management.tcp.ip = 127.0.0.1", f"management.tcp.port = {ports.management}"]
        configuration = self.folder / "rabbitmq.conf"
        configuration.touch(mode=0o600)
        configuration.write_text("\n".join(lines) + "\n")

    def environment(self, ports: Ports, epmd_port: int) -> dict[str, str]:
        """The environment of the node's process, and of that alone: other tools read RABBITMQ_* from ours."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))
        }
        return inherited | {
            "HOME": str(self.folder),  # where Erlang keeps its cookie
            "RABBITMQ_NODENAME": f"tw{ports.amqp}@localhost",
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_PID_FILE": str(self.folder / "node.pid"),
            "RABBITMQ_DIST_PORT": str(ports.distribution),  # else every node takes 25672
            "ERL_CRASH_DUMP_SECONDS": "0",  # no dump in the folder of somebody who only tried a demo
            "ERL_EPMD_PORT": str(epmd_port),
            # RabbitMQ starts a second Erlang only to have epmd up: this reaches that one, too.
            "ERL_FLAGS": "-start_epmd false",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                f"-start_epmd false -erl_epmd_port {ports.distribution}"
                " -kernel inet_dist_use_interface {127,0,0,1} +sbwt none"
                f"{erlang_arguments(self.server)}"
            ),
        }
