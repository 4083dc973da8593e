"""Events as the operators observe them."""

from collections.abc import Sequence

import numpy as np
from vsm.v1 import events_pb2

from vsm_server.operators.batch import Part, join, read_batch
from vsm_server.operators.columns import Observed


def observed(events: Sequence[events_pb2.Event]) -> Observed:
    """One batch of rows, all accepted, of units without a number."""
    columns, _ = read_batch(events_pb2.EventBatch(rows=events_pb2.EventRows(events=events)), 1)
    return join([Part(columns, np.ones(columns.count, np.bool_), np.full(columns.count, -1, np.int32))], 1)
