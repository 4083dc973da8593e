"""How one command reaches the server: by TLS, or in plain text where that harms nobody."""

import ipaddress
import os
from typing import TYPE_CHECKING, Any

from vsm_client.cli.session import OptionError, Settings

if TYPE_CHECKING:
    from vsm_client.client import ClientOptions


def client_options(settings: Settings) -> "ClientOptions":
    """Raises OptionError where options do not fit each other, or a token would leave this machine in plain text."""
    from vsm_client.client import ClientOptions
    from vsm_client.credentials import tls_credentials

    if (settings.cert is None) != (settings.key is None):
        raise OptionError("--cert and --key belong together")
    if settings.by_tls:
        override: list[tuple[str, Any]] = [("grpc.ssl_target_name_override", settings.server_name)] if settings.server_name else []
        try:
            credentials = tls_credentials(settings.ca, settings.cert, settings.key)
        except ValueError as error:
            raise OptionError(str(error)) from error
        return ClientOptions(credentials=credentials, channel_options=override)
    if settings.server_name:
        raise OptionError("--server-name is for TLS: give --tls or --ca FILE too")
    _refuse_to_tell(settings)
    return ClientOptions()


def _refuse_to_tell(settings: Settings) -> None:
    """Raises OptionError when a token would leave this machine in plain text and nobody said that it may."""
    from vsm_client.tokens import token_source

    if settings.insecure or stays_here(settings.server):
        return
    if token_source(settings.token(), os.environ)():
        raise OptionError(f"the token would go to {settings.server} in plain text: give --tls or --ca FILE; --insecure allows it")


def stays_here(target: str) -> bool:
    """Whether calls never leave this machine; of names, only localhost."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    host = target.rpartition(":")[0] or target
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return host == "localhost"
