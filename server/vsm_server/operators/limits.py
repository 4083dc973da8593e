"""Bounds on what the operators take and hold."""

# Of one batch.
BATCH_EVENTS_MAX = 10_000
BATCH_BYTES_MAX = 1 << 20  # size of a batch
NAMES_MAX = 64  # names of measures of a batch, and of labels
KINDS_MAX = 1_024  # distinct kinds of a batch
DICTIONARY_WORDS_MAX = 10_000  # distinct words of a column
LABEL_BYTES_MAX = 1_024  # a label's word


class Malformed(Exception):  # noqa: N818  the batch is refused, nothing of ours failed
    """A batch that breaks the rules of its form; the text names the column and what is allowed."""
