"""Services: what answers.

from toolwire.services import JobContext, Service, ToolError
"""

from importlib.util import find_spec

if find_spec("sqlalchemy") is None:
    raise ModuleNotFoundError("serving tools needs more than calling them: pip install 'toolwire[service]'")

from toolwire.contracts.errors import ToolError
from toolwire.services.context import JobContext, ToolContext
from toolwire.services.replica import Replica
from toolwire.services.service import Service
from toolwire.services.settings import ServiceSettings

__all__ = ["JobContext", "Replica", "Service", "ServiceSettings", "ToolContext", "ToolError"]
