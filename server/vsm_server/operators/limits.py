"""Bounds on what the operators take and hold."""

# Of one batch.
BATCH_EVENTS_MAX = 10_000
BATCH_BYTES_MAX = 1 << 20
NAMES_MAX = 64
KINDS_MAX = 1_024
DICTIONARY_WORDS_MAX = 10_000
LABEL_BYTES_MAX = 1_024


class Malformed(Exception):  # noqa: N818  the batch is refused, nothing of ours failed
    """A batch that breaks the rules of its form; the text names the column and what is allowed."""
