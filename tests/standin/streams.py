"""Streams and events of the stand-in for CuPy: what is told to which stream, in which order.

Nothing runs beside anything else here; but who waits for whom is written down in `history`, and can be held to what a
device that runs ahead would need.
"""

from contextlib import contextmanager
from types import SimpleNamespace

#: ("record", stream, event), ("wait", stream, event), ("copy", stream, bytes): what the streams were told.
history: list[tuple] = []


class Event:
    """A moment in a stream."""


class Stream:
    """A queue of the device's."""

    current: list["Stream"] = []

    def __init__(self, *, null=False, non_blocking=False):
        self.name = "computing" if null else "copying"

    def record(self):
        event = Event()
        history.append(("record", self.name, event))
        return event

    def wait_event(self, event):
        assert isinstance(event, Event)
        history.append(("wait", self.name, event))

    def __enter__(self):
        self.current.append(self)
        return self

    def __exit__(self, *_):
        assert self.current.pop() is self

    @classmethod
    def present(cls):
        return cls.current[-1]


Stream.current.append(Stream(null=True))


@contextmanager
def device(number):
    """Only the first one exists."""
    if number != 0:
        raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
    yield


def note_copy(nbytes):
    history.append(("copy", Stream.present().name, nbytes))


cuda = SimpleNamespace(Stream=Stream, Device=device, get_current_stream=Stream.present)
