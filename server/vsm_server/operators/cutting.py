"""Columns of a batch cut, as messages: what is left can be read as any batch."""

from vsm.v1 import events_pb2


def behind(message: events_pb2.EventColumns, start: int) -> events_pb2.EventColumns:
    """The events from `start` on, of which there are some; dictionaries as they are, words that no event has any more included."""
    return events_pb2.EventColumns(
        count=message.count - start,
        time_unix_nano=message.time_unix_nano[start:],
        unit=_words_behind(message.unit, start),
        kind=_words_behind(message.kind, start),
        measures=[events_pb2.MeasureColumn(name=one.name, values=one.values[start:]) for one in message.measures],
        labels=[events_pb2.LabelColumn(name=one.name, values=_words_behind(one.values, start)) for one in message.labels],
    )


def _words_behind(column: events_pb2.StringColumn, start: int) -> events_pb2.StringColumn:
    return events_pb2.StringColumn(dictionary=column.dictionary, index=column.index[start:])
