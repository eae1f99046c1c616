"""What RabbitMQ 3.10 needs before it may be killed: it writes down late that a quorum queue exists.

Killed within about two seconds of the queue's declaration, it comes back with a queue that has no leader and
never gets one.
"""

from pathlib import Path


def is_written_down(node_folder: Path, queue: str) -> bool:
    """Whether the node in that folder would find the quorum queue again after a kill."""
    return any(queue.encode() in file.read_bytes() for file in node_folder.glob("data/*/quorum/*/names.dets"))
