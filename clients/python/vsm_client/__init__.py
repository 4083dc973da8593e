"""Client of a viable system server: report, watch, answer."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vsm_client.client import Client, ClientOptions
    from vsm_client.credentials import tls_credentials
    from vsm_client.errors import EventInvalidError, FieldViolation, ReporterClosedError, ReporterFullError, VsmError
    from vsm_client.report_options import ReporterOptions, Tally
    from vsm_client.reporter import Reporter
    from vsm_client.tokens import FileToken
    from vsm_client.watcher import Watch

__all__ = [
    "Client",
    "ClientOptions",
    "EventInvalidError",
    "FieldViolation",
    "FileToken",
    "Reporter",
    "ReporterClosedError",
    "ReporterFullError",
    "ReporterOptions",
    "Tally",
    "VsmError",
    "Watch",
    "tls_credentials",
]

_HOMES = {
    "Client": "client",
    "ClientOptions": "client",
    "FileToken": "tokens",
    "Reporter": "reporter",
    "ReporterOptions": "report_options",
    "Tally": "report_options",
    "Watch": "watcher",
    "tls_credentials": "credentials",
}


def __getattr__(name: str) -> Any:
    """Loads a part when it is first named, so that `vsm --help` does not wait for gRPC."""
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
