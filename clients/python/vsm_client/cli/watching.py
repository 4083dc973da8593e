"""What the commands that follow a log have in common."""

from collections.abc import Callable, Sequence

from vsm.v1 import log_pb2

from vsm_client.cli import show
from vsm_client.cli.session import OptionError, Settings
from vsm_client.errors import VsmError


def position(text: str) -> str | int:
    """A sequence or a resume token."""
    return int(text) if text.isascii() and text.isdigit() else text


def told(settings: Settings) -> Callable[[VsmError], None]:
    """Says on stderr that a stream broke and is being opened again."""
    notes = show.notes()

    def tell(error: VsmError) -> None:
        if not settings.json:
            notes.print(f"the stream broke ({error}); going on where it was", style="dim", markup=False)

    return tell


def narrowed(entry: log_pb2.Entry, bodies: Sequence[str]) -> bool:
    """Takes the facts of other bodies out of the entry; whether any is left. Raises OptionError for a body that no fact has."""
    known = log_pb2.Fact.DESCRIPTOR.oneofs_by_name["body"].fields
    if unknown := sorted(set(bodies) - {field.name for field in known}):
        raise OptionError(f"there are no facts {', '.join(unknown)}; there are: {', '.join(field.name for field in known)}")
    kept = [fact for fact in entry.facts if not bodies or fact.WhichOneof("body") in bodies]
    if len(kept) < len(entry.facts):
        left = log_pb2.Entry(facts=kept)
        del entry.facts[:]
        entry.MergeFrom(left)
    return bool(entry.facts)
