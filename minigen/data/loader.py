"""`DataLoader`: batches in a seeded order, made ahead of time by threads, and resumable.

The order of an epoch is a function of (seed, epoch) and the random numbers of a sample one of
(seed, epoch, index).  So three numbers say where a run stands in its data, and neither the number of threads
nor an interruption changes what comes next.

Threads, not processes: NumPy lets go of the interpreter's lock while it works on large arrays, Pillow while
it decodes, and nothing has to be pickled.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from collections.abc import Generator as PythonGenerator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from minigen.arguments import check_callable
from minigen.backend import Generator
from minigen.backend import generator as global_generator
from minigen.data.ahead import batches_ahead
from minigen.data.dataset import fetch
from minigen.data.sampling import epoch_order, in_epoch


@dataclass
class _Place:
    """Where an iteration stands: ``position`` batches of ``epoch`` have been handed out."""

    epoch: int
    position: int


class DataLoader:
    """Iterate over a data set in batches.

    Each ``for`` loop over the loader is one epoch, and a shuffled epoch has an order of its own. A loop that
    is left early (``break``) stops its threads; the next loop begins the next epoch.

    Parameters
    ----------
    dataset : Dataset
        Anything with ``__len__`` and ``__getitem__``. Where its class offers ``get_batch(indices)``, and no
        ``collate_fn`` is given, a batch is made by one call.
    batch_size : int
        Samples in a batch.
    shuffle : bool
        Draw a new order for every epoch; else the samples come as they are numbered.
    num_workers : int
        Threads that make batches ahead of time; 0 makes each batch when it is asked for. The batches are the
        same for every number.
    collate_fn : callable, optional
        Makes a batch of a list of samples; `default_collate` if None.
    drop_last : bool
        Leave out the last batch where it is smaller than the others.
    generator : Generator, optional
        Where the seed is drawn from, at once, if ``seed`` is None.
    seed : int, optional
        The seed of the order and of random transforms. If None, it is drawn from ``generator``; without one
        from minigen's global generator when ``shuffle`` is set, and it is 0 otherwise.
    prefetch_factor : int
        Batches that each thread may be ahead (None: 2).
    pin_memory, persistent_workers : bool
        Accepted for PyTorch's sake and without effect: here workers are threads, which share memory, and what goes to
        a GPU goes through pinned memory anyhow (see `batches_on`).

    Raises
    ------
    ValueError
        If the data set is empty, or an option is out of range.

    Notes
    -----
    ``state_dict()`` is taken between two batches; after ``load_state_dict`` the next loop goes on from there:
    the batches that follow are the same, bit for bit.

    Examples
    --------
    >>> import minigen
    >>> from minigen.data import DataLoader, TensorDataset
    >>> loader = DataLoader(TensorDataset(minigen.arange(5)), batch_size=2, shuffle=True, seed=0)
    >>> [x.tolist() for (x,) in loader]
    [[1, 0], [2, 3], [4]]
    >>> len(loader), loader.state_dict()["epoch"]
    (3, 1)
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        drop_last: bool = False,
        generator: Generator | None = None,
        seed: int | None = None,
        prefetch_factor: int | None = 2,
        pin_memory: bool = False,
        persistent_workers: bool = False,
    ) -> None:
        self.batch_size = _whole("batch_size", batch_size, 1, "the number of samples in a batch")
        self.num_workers = _whole("num_workers", num_workers, 0, "0 makes the batches in the calling thread")
        self.prefetch_factor = _whole(
            "prefetch_factor", 2 if prefetch_factor is None else prefetch_factor, 1, "batches that a thread is ahead"
        )
        if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
            raise TypeError(
                f"DataLoader: {type(dataset).__name__} is no data set: it must define __len__ and __getitem__"
            )
        length = len(dataset)
        if length == 0:
            raise ValueError("DataLoader: the data set is empty, there is no batch to make")
        if drop_last and length < self.batch_size:
            raise ValueError(
                f"DataLoader: drop_last leaves no batch of {batch_size} in a data set of {length} samples; "
                "take a smaller batch_size, or drop_last=False"
            )
        self.dataset = dataset
        self.shuffle = bool(shuffle)
        if collate_fn is not None:
            check_callable("DataLoader", "collate_fn", collate_fn)
        self.collate_fn = collate_fn
        self.drop_last = bool(drop_last)
        self.seed = _choose_seed(seed, generator, shuffle)
        self._place = _Place(epoch=0, position=0)
        self._begun = False  # whether the epoch of _place belongs to a loop already

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        count = len(self.dataset) / self.batch_size
        return math.floor(count) if self.drop_last else math.ceil(count)

    def __iter__(self) -> Iterator[Any]:
        """Begin an epoch; after `load_state_dict`, go on within the one that was interrupted."""
        return self.batches_on(None)

    def batches_on(self, device: str | None) -> Iterator[Any]:
        """Iterate as a ``for`` loop over the loader does, over batches whose tensors are on a device.

        To a GPU they are copied while it computes: see `minigen.data.ahead`.

        Parameters
        ----------
        device : str or None
            ``"cpu"``, ``"cuda"``, ...; None leaves tensors where the data set has them.

        Examples
        --------
        >>> import minigen
        >>> from minigen.data import TensorDataset
        >>> loader = DataLoader(TensorDataset(minigen.arange(4)), batch_size=2)
        >>> [x.tolist() for (x,) in loader.batches_on("cpu")]
        [[0, 1], [2, 3]]
        """
        if self._begun:
            self._place = _Place(epoch=self._place.epoch + 1, position=0)
        self._begun = True
        return self._iterate(self._place, device)

    def state_dict(self) -> dict[str, int]:
        """Return where the loader stands: numbers, ready for JSON.

        ``position`` counts the batches handed out in ``epoch``, the one in the caller's hands included.
        """
        epoch, position = self._place.epoch, self._place.position
        if position == len(self):
            epoch, position = epoch + 1, 0
        return {"epoch": epoch, "position": position, **self._identity()}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Let the next loop go on where `state_dict` was taken.

        Raises
        ------
        ValueError
            If the state is of a loader with another batch size, or of a data set of another length.
        """
        missing = {"epoch", "position", "seed", *self._identity()} - set(state)
        if missing:
            raise ValueError(f"DataLoader.load_state_dict: the state lacks {sorted(missing)}")
        for name, own in self._identity().items():
            if name != "seed" and state[name] != own:
                raise ValueError(
                    f"DataLoader.load_state_dict: the state was taken with {name} {state[name]}, but this "
                    f"loader has {own}: its batches would not be the ones that were to follow"
                )
        if not 0 <= state["position"] < len(self) or state["epoch"] < 0:
            raise ValueError(
                f"DataLoader.load_state_dict: epoch {state['epoch']}, position {state['position']} does not "
                f"exist: an epoch has {len(self)} batches"
            )
        self.seed = state["seed"]
        self._place = _Place(epoch=state["epoch"], position=state["position"])
        self._begun = False

    def _identity(self) -> dict[str, int]:
        """Return what decides, beside epoch and position, which samples follow."""
        return {
            "seed": self.seed,
            "batch_size": self.batch_size,
            "samples": len(self.dataset),
            "shuffle": int(self.shuffle),
            "drop_last": int(self.drop_last),
        }

    def _iterate(self, place: _Place, device: str | None) -> Iterator[Any]:
        with (
            closing(self._prefetched(place) if self.num_workers else self._made_here(place)) as made,
            closing(batches_ahead(made, device)) as batches,
        ):
            for batch in batches:
                place.position += 1
                yield batch

    def _made_here(self, place: _Place) -> PythonGenerator[Any, None, None]:
        for indices in self._indices(place):
            yield self._make(indices, place.epoch)

    def _prefetched(self, place: _Place) -> PythonGenerator[Any, None, None]:
        """Keep a queue of batches in the making; hand them out in the order in which they were asked for."""
        pool = ThreadPoolExecutor(self.num_workers, thread_name_prefix="minigen-loader")
        waiting: deque[Future[Any]] = deque()
        try:
            for indices in self._indices(place):
                waiting.append(pool.submit(self._make, indices, place.epoch))
                if len(waiting) > self.num_workers * self.prefetch_factor:
                    yield waiting.popleft().result()  # a worker's exception is raised here
            while waiting:
                yield waiting.popleft().result()
        finally:  # also when the loop over the loader is left early
            pool.shutdown(wait=False, cancel_futures=True)

    def _indices(self, place: _Place) -> Iterator[np.ndarray]:
        """Yield the sample numbers of each batch of an epoch, from ``place`` on."""
        length = len(self.dataset)
        order = epoch_order(self.seed, place.epoch, length) if self.shuffle else np.arange(length)
        for batch in range(place.position, len(self)):
            yield order[batch * self.batch_size : (batch + 1) * self.batch_size]

    def _make(self, indices: np.ndarray, epoch: int) -> Any:
        with in_epoch(self.seed, epoch):
            return fetch(self.dataset, indices, self.collate_fn)


def _whole(name: str, value: Any, least: int, meaning: str) -> int:
    """Check an option that must be a whole number and not below ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"DataLoader: {name} is {value!r}; it must be an integer >= {least} ({meaning})")
    return int(value)


def _choose_seed(seed: int | None, generator: Generator | None, shuffle: bool) -> int:
    if seed is not None:
        return _whole("seed", seed, 0, "the seed of the order and of random transforms")
    if generator is None and not shuffle:
        return 0  # the global random state is not touched where nothing was asked to be random
    return int((generator or global_generator).numpy.integers(2**63))
