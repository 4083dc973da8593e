"""The gRPC server: its services, its bounds, and its port."""

import errno
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from vsm.v1 import algedonic_pb2, operations_pb2, patterns_pb2, security_pb2, system_pb2

from vsm_server.security.certificates import Certificates, Material

MESSAGE_LENGTH_MAX = 4 << 20  # a message, either way
METADATA_LENGTH_MAX = 16 << 10  # metadata of a call
# Largest that a client may send before the server hangs up on the whole call without telling more.
METADATA_LENGTH_ABSOLUTE_MAX = 20 << 10
KEEPALIVE_TIME_MS = 30_000
KEEPALIVE_TIMEOUT_MS = 10_000
# Of the library's own pings, which measure the way: while one is out none for keepalive is sent. Longer, for they stand behind data.
PING_TIMEOUT_MS = 20_000
PING_INTERVAL_MIN_MS = 10_000  # between two pings of a client

SERVICES: tuple[ServiceDescriptor, ...] = tuple(
    service
    for module in (algedonic_pb2, operations_pb2, patterns_pb2, security_pb2, system_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
)

HANDSHAKE_TIMEOUT_S = 10.0
# A connection is cut so long after the age of a stream that began on its last moment: by then that stream has ended itself.
AGE_GRACE_S = 60.0
_NEVER_MS = 2**31 - 1  # what the library takes for infinite


@dataclass(frozen=True, slots=True)
class Connections:
    """What a connection may be and how many there may be. `age_s` and `idle_s` 0: for ever; `counted`: for channelz.

    Beyond `count_max` a connection is taken and closed at once; beyond `streams_max` calls wait in the
    client, as HTTP/2 has it; of those that follow each other fast near that bound, the library refuses some (REFUSED_STREAM, UNAVAILABLE).
    """

    age_s: float
    idle_s: float
    count_max: int
    streams_max: int
    counted: bool = False
    handshake_timeout_s: float = HANDSHAKE_TIMEOUT_S


OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.so_reuseport", 0),  # else a second server shares the port and nobody is told
    ("grpc.max_receive_message_length", MESSAGE_LENGTH_MAX),
    ("grpc.max_send_message_length", MESSAGE_LENGTH_MAX),
    ("grpc.max_metadata_size", METADATA_LENGTH_MAX),
    ("grpc.absolute_max_metadata_size", METADATA_LENGTH_ABSOLUTE_MAX),
    ("grpc.keepalive_time_ms", KEEPALIVE_TIME_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.ping_timeout_ms", PING_TIMEOUT_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", PING_INTERVAL_MIN_MS),
)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000) or _NEVER_MS


def connection_options(connections: Connections) -> tuple[tuple[str, int], ...]:
    """As arguments of the library, which moves the age of each connection by up to a tenth."""
    return (
        ("grpc.max_connection_age_ms", _milliseconds(connections.age_s)),
        ("grpc.max_connection_age_grace_ms", _milliseconds(connections.age_s + AGE_GRACE_S)),
        ("grpc.max_connection_idle_ms", _milliseconds(connections.idle_s)),
        ("grpc.max_allowed_incoming_connections", connections.count_max),
        ("grpc.max_concurrent_streams", connections.streams_max),
        ("grpc.enable_channelz", int(connections.counted)),
        ("grpc.server_handshake_timeout_ms", _milliseconds(connections.handshake_timeout_s)),
    )


def make_server(interceptors: Sequence[grpc.aio.ServerInterceptor], connections: Connections) -> grpc.aio.Server:
    """A server without services yet."""
    return grpc.aio.server(interceptors=interceptors, options=(*OPTIONS, *connection_options(connections)))


class _Fetcher:
    """What the library asks at each handshake, in a thread of its own: whether the certificate is another one now."""

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates
        self._given = certificates.material

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        material = self._certificates.material
        if material is self._given:
            return None
        self._given = material
        return _configuration(material)


def _configuration(material: Material) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(material.key, material.chain)], material.client_authorities)


def _credentials(certificates: Certificates) -> grpc.ServerCredentials:
    """TLS 1.2 with AEAD or 1.3, as the library has it; a client certificate is needed where there are authorities for it."""
    first = certificates.material
    return grpc.dynamic_ssl_server_credentials(
        _configuration(first),
        _Fetcher(certificates),  # type: ignore[arg-type]  # None is allowed: no change
        require_client_authentication=first.client_authorities is not None,
    )


def listen(server: grpc.aio.Server, host: str, port: int, certificates: Certificates | None = None) -> int:
    """Take the port (0: a free one) and return it; without certificates in plain text. Fails with OSError when it is taken.

    It is tried by a socket of our own first: the library would write a line of its own about the failure.
    """
    if port:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            trial.listen()
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        return server.add_insecure_port(place) if certificates is None else server.add_secure_port(place, _credentials(certificates))
    except RuntimeError as error:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL)) from error
