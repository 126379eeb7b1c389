"""Batches on their way to a GPU: copied beside the computing, on a stream of their own.

A GPU works through what it is told in order, a *stream*; the host runs ahead and waits for nothing.  A batch that was
copied in the same stream would have to queue behind the steps before it.  In a stream of its own it is copied, from
pinned memory (CuPy puts what it copies there first), while the device still computes; the computing then waits for the
copy, on the device, and the host for neither.

On the CPU, and for array libraries without streams, batches are simply moved.
"""

from __future__ import annotations

import functools
from collections.abc import Generator, Iterable
from typing import Any

from minigen.backend import Device, array_module_on, find_device
from minigen.tensor import Tensor


def to_device(batch: Any, device: str) -> Any:
    """Move all tensors of a batch to a device: those in lists, tuples and dicts, too.

    Examples
    --------
    >>> import minigen
    >>> images, name = to_device((minigen.ones(2), "ones"), "cpu")
    >>> images.device, name
    (device('cpu'), 'ones')
    """
    if isinstance(batch, (list, tuple)):
        return [to_device(part, device) for part in batch]
    if isinstance(batch, dict):
        return {key: to_device(part, device) for key, part in batch.items()}
    return batch.to(device) if isinstance(batch, Tensor) else batch


class _Road:
    """The stream of a device on which all batches travel there, and up to where its memory is free again.

    A batch that was thrown away may still be read by steps that the device has not come to; its memory is written to
    by the next batch.  So a copy waits until the device has done what it had been told when the *last* batch was
    handed out: by then all older ones are used up, and the last one itself is held here until its successor has a
    place.
    """

    def __init__(self, device: Device) -> None:
        self.device, self.cuda = device, array_module_on(device).cuda
        with self.card():
            self.stream = self.cuda.Stream(non_blocking=True)
        self.free: Any = None

    def card(self) -> Any:
        """Inside, this device is the current one: events are of the device where they are made."""
        return self.cuda.Device(self.device.index or 0)

    def send(self, batch: Any) -> Any:
        """Begin to copy a batch, and let the computing wait for it."""
        with self.card():
            computing = self.cuda.get_current_stream()
            now = computing.record()
            self.stream.wait_event(self.free or now)
            with self.stream:
                moved = to_device(batch, self.device)
            computing.wait_event(self.stream.record())
        self.free = now
        return moved

    def leave(self) -> None:
        """Note that the last batch goes, too: whoever comes next waits for all that may read it."""
        with self.card():
            self.free = self.cuda.get_current_stream().record()


_road_to = functools.cache(_Road)


def batches_ahead(batches: Iterable[Any], device: str | None) -> Generator[Any, None, None]:
    """Hand out batches with their tensors on a device, copied there while it computes.

    Parameters
    ----------
    batches : iterable
        What a `DataLoader` makes.
    device : str or None
        Where they are wanted; None leaves them where they are.
    """
    if device is None:
        yield from batches
        return
    target = find_device(device)
    if not hasattr(getattr(array_module_on(target), "cuda", None), "Stream"):
        for batch in batches:
            yield to_device(batch, target)
        return
    road, held = _road_to(target), None
    try:
        for batch in batches:
            held = road.send(batch)
            yield held
    finally:
        road.leave()
        del held
