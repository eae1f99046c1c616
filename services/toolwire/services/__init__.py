"""Services: what answers.

from toolwire.services import JobContext, Service, ToolError
"""

from importlib.util import find_spec

if find_spec("sqlalchemy") is None:
    raise ModuleNotFoundError("serving tools needs more than calling them: pip install 'toolwire[service]'")

from toolwire.contracts.declare import declare, declare_job
from toolwire.contracts.errors import ToolError
from toolwire.services.context import JobContext, ToolContext
from toolwire.services.crossing import ProcessDied
from toolwire.services.end_flag import AttemptEnded
from toolwire.services.pieces import PieceRefused
from toolwire.services.questions import InputRequired
from toolwire.services.replica import Replica
from toolwire.services.retries import Backoff, Fail, Retry
from toolwire.services.router import Router
from toolwire.services.service import Service
from toolwire.services.settings import ServiceSettings

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
