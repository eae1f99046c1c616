"""The files of test vectors."""

from collections.abc import Mapping

from spec.write.control_vectors import control_file
from spec.write.derived import derived_file
from spec.write.event_vectors import event_file
from spec.write.keys import keys_file
from spec.write.lines import pretty
from spec.write.messages import messages_file
from spec.write.request_vectors import request_file
from spec.write.response_vectors import response_file
from spec.write.watch_vectors import watch_file


def vector_files() -> Mapping[str, str]:
    """Every file of vectors: its path below contracts/spec, and its text."""
    files = {
        "keys": keys_file(),
        "messages": messages_file(),
        "request": request_file(),
        "response": response_file(),
        "event": event_file(),
        "watch": watch_file(),
        "control": control_file(),
        "derived": derived_file(),
    }
    return {f"vectors/{name}.json": pretty(file) for name, file in files.items()}
