"""A URL that cannot be connected to is refused without a word of the password in it."""

import pytest

from toolwire.broker.link import with_heartbeat
from toolwire.broker.reach import Attempt
from toolwire.contracts.errors import ConfigurationError


@pytest.mark.parametrize(
    "url",
    ["amqp://u:s3/cret@host/", "amqp://u:s3cret@[host", "amqp://u:s3%．cret@host"],  # noqa: RUF001 - a dot that is no dot
)
def test_it_is_refused_and_not_repeated(url: str) -> None:
    for use in (with_heartbeat, Attempt):
        with pytest.raises(ConfigurationError, match="percent-encode the password") as raised:
            use(url)
        assert raised.value.__suppress_context__


def test_its_own_heartbeat_goes_first() -> None:
    assert with_heartbeat("amqp://host/").query["heartbeat"] == "15"
    assert with_heartbeat("amqp://host/?heartbeat=5").query["heartbeat"] == "5"
