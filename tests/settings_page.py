"""What docs/operations.md and clients/service-config.json say to writers of clients, from the constants of both sides."""

import json
from collections.abc import Iterator
from pathlib import Path

from vsm_client import channel
from vsm_server.config import OPTIONS
from vsm_server.rpc import server

SERVICE_CONFIG = Path(__file__).parent.parent / "clients" / "service-config.json"


def service_config() -> str:
    """The whole of clients/service-config.json."""
    return json.dumps(json.loads(channel.SERVICE_CONFIG), indent=2) + "\n"


def settings_table() -> str:
    """A row for each setting."""
    return "| setting | value | what the server does |\n|---|---|---|\n" + "".join(
        f"| {' | '.join(row)} |\n" for row in (*_rows(), *_connections())
    )


def _rows() -> Iterator[tuple[str, str, str]]:
    (method,) = json.loads(channel.SERVICE_CONFIG)["methodConfig"]
    retry = method["retryPolicy"]
    ping_s, time_s = server.PING_INTERVAL_MIN_MS // 1000, channel.KEEPALIVE_TIME_MS // 1000
    yield "keepalive time", f"{time_s} s", f"allows a ping each {ping_s} s; at the third that comes sooner it hangs up (`too_many_pings`)"
    yield (
        "keepalive timeout",
        f"{channel.KEEPALIVE_TIMEOUT_MS // 1000} s",
        (
            f"pings too, after {server.KEEPALIVE_TIME_MS // 1000} s of silence, and hangs up when no answer comes in "
            f"{server.KEEPALIVE_TIMEOUT_MS // 1000} s"
        ),
    )
    yield "keepalive without calls", "off", "allows it; a connection without calls is closed after a while, pings or not"
    yield (
        "retries",
        (
            f"{retry['maxAttempts']} attempts in all, on {' '.join(retry['retryableStatusCodes'])} alone, after {retry['initialBackoff']}, "
            f"then {retry['backoffMultiplier']} times as long each, at most {retry['maxBackoff']}"
        ),
        "tells by `grpc-retry-pushback-ms` when to come again, which goes before these times; -1: not at all",
    )
    yield "message received", f"{channel.MESSAGE_BYTES_MAX:,} bytes", "sends none that is longer"
    yield "message sent", f"{server.MESSAGE_LENGTH_MAX:,} bytes", "RESOURCE_EXHAUSTED beyond"
    yield (
        "metadata sent",
        f"{server.METADATA_LENGTH_MAX:,} bytes",
        f"may be RESOURCE_EXHAUSTED beyond, and is beyond {server.METADATA_LENGTH_ABSOLUTE_MAX:,}; other calls of the connection go on",
    )


def _connections() -> Iterator[tuple[str, str, str]]:
    default = {option.name: option.default for option in OPTIONS}
    yield (
        "reconnect",
        f"after 0.2 s, at most {channel.RECONNECT_MS_MAX / 1000:g} s",
        f"hangs up on a connection beyond {default['connections_max']} (`connections_max`): UNAVAILABLE",
    )
    yield (
        "age of a connection",
        "whatever the server says",
        (
            f"closes it in peace after {default['connection_age_s']} s ± 10 % (`connection_age_s`) or "
            f"{default['connection_idle_s']} s without calls (`connection_idle_s`); streams end at the same age with `DRAINING` and the "
            "token to go on from"
        ),
    )
    yield (
        "calls at once on a connection",
        f"at most {default['connection_streams_max']}, open streams counted",
        "takes no more (`connection_streams_max`): further ones wait in the client; who needs more opens more connections",
    )
