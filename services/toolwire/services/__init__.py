"""Services: what answers.

from toolwire.services import JobContext, Service, ToolError
"""

from importlib.util import find_spec

if find_spec("sqlalchemy") is None:
    raise ModuleNotFoundError("serving tools needs more than calling them: pip install 'toolwire[service]'")

from toolwire.contracts.declare import declare, declare_job
from toolwire.contracts.errors import ToolError
from toolwire.services.asking.questions import InputRequired
from toolwire.services.declaring.retries import Backoff, Fail, Retry
from toolwire.services.declaring.router import Router
from toolwire.services.processes.crossing import ProcessDied
from toolwire.services.replica import Replica
from toolwire.services.running.context import JobContext, ToolContext
from toolwire.services.running.end_flag import AttemptEnded
from toolwire.services.service import Service
from toolwire.services.settings import ServiceSettings
from toolwire.services.telling.pieces import PieceRefused

__all__ = [
    "AttemptEnded",
    "Backoff",
    "Fail",
    "InputRequired",
    "JobContext",
    "PieceRefused",
    "ProcessDied",
    "Replica",
    "Retry",
    "Router",
    "Service",
    "ServiceSettings",
    "ToolContext",
    "ToolError",
    "declare",
    "declare_job",
]
