"""Where a caller's token comes from. A token is never printed, logged or put into a repr."""

from collections.abc import Callable, Mapping
from pathlib import Path

TokenSource = Callable[[], str]

TOKEN_KEY = "VSM_TOKEN"
TOKEN_FILE_KEY = "VSM_TOKEN_FILE"


class FixedToken:
    """One token for ever."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self) -> str:
        return self._token


class FileToken:
    """The token in a file, read again whenever the file has changed, so that a renewal needs no restart."""

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._token = ""
        self._stamp = (0, 0)

    def __call__(self) -> str:
        """Raises OSError when the file cannot be read."""
        stat = self._path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
        if stamp != self._stamp:
            self._token, self._stamp = self._path.read_text(encoding="ascii").strip(), stamp
        return self._token


def token_source(given: str | TokenSource | None, environ: Mapping[str, str]) -> TokenSource:
    """What was given; else VSM_TOKEN; else the file that VSM_TOKEN_FILE names; else no token."""
    if isinstance(given, str):
        return FixedToken(given)
    if given is not None:
        return given
    if token := environ.get(TOKEN_KEY):
        return FixedToken(token)
    if path := environ.get(TOKEN_FILE_KEY):
        return FileToken(path)
    return FixedToken("")


def renews(source: TokenSource) -> bool:
    """Whether asking again may give another token."""
    return not isinstance(source, FixedToken)
