"""The pages under docs/ say what the code says; `make docs` writes them anew."""

import json

from vsm.v1 import errors_pb2

from tests import errors_page, pages, settings_page
from vsm_client import channel
from vsm_server.rpc import server
from vsm_server.rpc.errors import STATUS_BY_REASON


def test_errors_page_is_fresh() -> None:
    """docs/errors.md says of every reason what the contract and the server's table say."""
    assert errors_page.ERRORS.read_text() == errors_page.errors_page()


def test_contract_and_table_agree_on_statuses() -> None:
    """The comment of every reason names the status that the table gives it, and none is left out."""
    told = {errors_pb2.ErrorReason.Value(reason.name): reason.status for reason in errors_page.reasons()}
    assert told == {number: status.name for number, status in STATUS_BY_REASON.items()}


def test_refusals_carry_the_keys_that_the_contract_names() -> None:
    """Metadata that the code gives a refusal has the keys that the contract names for its reason, and no other."""
    named = {reason.name: set(reason.keys) for reason in errors_page.reasons()}
    given = list(errors_page.metadata_given())
    assert len(given) > 10
    assert [(where, name, keys) for where, name, keys in given if not keys <= named[name]] == []


def test_limits_page_is_fresh() -> None:
    """docs/limits.md lists every bound of the code with its value."""
    assert pages.LIMITS.read_text() == pages.limits_page()


def test_every_bound_says_what_it_bounds() -> None:
    """Each row of docs/limits.md has words, from the comment at the constant."""
    assert [row for row in pages.rows() if row.endswith("|  |\n")] == []


def test_operations_page_is_fresh() -> None:
    """docs/operations.md lists every option with its environment variable and default, and every rate limit with its zones."""
    assert pages.OPERATIONS.read_text() == pages.operations_page()


def test_service_config_is_fresh() -> None:
    """clients/service-config.json is what the Python client uses."""
    assert settings_page.SERVICE_CONFIG.read_text() == settings_page.service_config()


def test_published_settings_suit_the_server() -> None:
    """A client that follows the published settings pings no more often than the server allows, and takes each message that it sends."""
    assert channel.KEEPALIVE_TIME_MS >= 2 * server.PING_INTERVAL_MIN_MS
    assert channel.MESSAGE_BYTES_MAX >= server.MESSAGE_LENGTH_MAX
    (method,) = json.loads(channel.SERVICE_CONFIG)["methodConfig"]
    assert (method["name"], method["retryPolicy"]["retryableStatusCodes"]) == ([{}], ["UNAVAILABLE"])
