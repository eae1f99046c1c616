"""Clients of a measured Toolwire."""

from benchmarks.toolwire_home import client_id, home_in
from benchmarks.toolwire_options import Given
from benchmarks.toolwire_tools import SERVER
from toolwire.client import Client


def a_client(given: Given) -> Client:
    """An instance of the home's client, to be entered."""
    return Client(client_id(given.key), server=SERVER, broker=given.url, home=home_in(given.folder))
