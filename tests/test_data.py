"""The machinery of data: data sets, collating, the loader's order, threads, and resuming."""

import json
import threading
import time

import numpy as np
import pytest

import minigen
from minigen.data import (
    DataLoader,
    Dataset,
    Subset,
    TensorDataset,
    WriteError,
    atomic_write,
    cache_folder,
    default_collate,
    random_split,
    sample_generator,
)
from minigen.data.sampling import epoch_order


class Numbers(Dataset):
    """Sample i is i; counts how often it was asked."""

    def __init__(self, length=10):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return index


class Noisy(Numbers):
    """Sample i is (i, two random numbers), as two random transforms would draw them."""

    def __getitem__(self, index):
        return index, np.array([sample_generator().random(), sample_generator().random()])


def listed(loader):
    return [batch.tolist() for batch in loader]


def joined(loader):
    return [number for batch in loader for number in batch.tolist()]


def loader_threads():
    return [t for t in threading.enumerate() if t.name.startswith("minigen-loader")]


def wait_until_no_threads():
    deadline = time.monotonic() + 60
    while loader_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not loader_threads()


# --- data sets ---


def test_tensor_dataset_gives_tuples_of_slices():
    data = TensorDataset(minigen.arange(6).view(3, 2), minigen.tensor([7, 8, 9]))
    x, y = data[2]
    assert (len(data), x.tolist(), y.item()) == (3, [4, 5], 9)
    x, y = data.get_batch(np.array([2, 0]))
    assert x.tolist() == [[4, 5], [0, 1]]
    assert y.tolist() == [9, 7]


def test_tensor_dataset_refuses_unequal_lengths():
    with pytest.raises(ValueError, match=r"first axis: \(3,\), \(4,\)"):
        TensorDataset(minigen.zeros(3), minigen.zeros(4))
    with pytest.raises(ValueError, match="at least one"):
        TensorDataset()
    with pytest.raises(TypeError, match="from_numpy"):
        TensorDataset(np.zeros(3))


def test_subset_maps_numbers_and_batches_at_once():
    data = Subset(TensorDataset(minigen.arange(10)), [5, 3, -1, 3])
    assert [data[i][0].item() for i in range(4)] == [5, 3, 9, 3]
    assert listed_first(DataLoader(data, batch_size=3)) == [[5, 3, 9], [3]]
    assert listed(DataLoader(Subset(Subset(Numbers(), [4, 5, 6]), [2, 0]), 2)) == [[6, 4]]
    with pytest.raises(IndexError, match="10 lies outside a data set of 10"):
        Subset(Numbers(), [0, 10])


def listed_first(loader):
    return [batch[0].tolist() for batch in loader]


def test_random_split_covers_all_once_and_is_seeded():
    parts = random_split(range(10), [7, 3], generator=minigen.Generator(5))
    assert [len(p) for p in parts] == [7, 3]
    assert sorted(p[i] for p in parts for i in range(len(p))) == list(range(10))
    again = random_split(range(10), [7, 3], generator=minigen.Generator(5))
    assert [p.indices.tolist() for p in parts] == [p.indices.tolist() for p in again]


@pytest.mark.parametrize("fractions", [[0.75, 0.25], [0.33, 0.33, 0.34], [0.5, 0.5], [0.1] * 10, [0.05, 0.95]])
def test_random_split_rounds_fractions_as_torch_does(torch, fractions):
    ours = random_split(range(17), fractions)
    theirs = torch.utils.data.random_split(range(17), fractions)
    assert [len(p) for p in ours] == [len(p) for p in theirs]


def test_random_split_says_what_does_not_add_up():
    with pytest.raises(ValueError, match="add up to 9, but the data set has 10"):
        random_split(range(10), [6, 3])
    with pytest.raises(ValueError, match="not to 1"):
        random_split(range(10), [0.5, 0.4])
    with pytest.raises(ValueError, match="negative"):
        random_split(range(10), [12, -2])


def test_dataset_without_getitem_says_so():
    with pytest.raises(NotImplementedError, match="Empty must define __getitem__"):
        type("Empty", (Dataset,), {})()[0]


# --- collating ---


def test_collate_agrees_with_torch(torch):
    rng = np.random.default_rng(0)
    samples = [
        {
            "image": rng.random((3, 2), np.float32),
            "label": i,
            "weight": i / 3,
            "flag": i > 1,
            "pair": (i, [i, "a"]),
        }
        for i in range(3)
    ]

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(part) for part in value]
        return (str(value.dtype).removeprefix("torch."), value.tolist()) if hasattr(value, "tolist") else value

    assert plain(default_collate(samples)) == plain(torch.utils.data.default_collate(samples))


def test_collate_stacks_tensors_and_numpy_numbers():
    batch = default_collate([(minigen.ones(2), np.float32(1.5)), (minigen.zeros(2), np.float32(2.5))])
    assert isinstance(batch, list)
    assert batch[0].tolist() == [[1, 1], [0, 0]]
    assert (batch[1].dtype, batch[1].tolist()) == (minigen.float32, [1.5, 2.5])


@pytest.mark.parametrize(
    ("samples", "error", "words"),
    [
        ([], ValueError, "empty"),
        ([np.zeros((3, 8, 8)), np.zeros((3, 8, 9))], ValueError, r"sample 1 has \(3, 8, 9\).*Resize"),
        ([minigen.zeros(3, 8, 8), minigen.zeros(3, 9, 8)], ValueError, r"sample 1 has \(3, 9, 8\).*Resize"),
        ([(1, 2), (1, 2, 3)], ValueError, "has 2 parts, but sample 1 has 3"),
        ([np.zeros(2), 3], ValueError, "sample 1 is of type int"),
        ([{"a": 1}, {"b": 1}], ValueError, "keys"),
        ([object()], TypeError, "collate_fn"),
    ],
)
def test_collate_errors_teach(samples, error, words):
    with pytest.raises(error, match=words):
        default_collate(samples)


def test_collate_of_pillow_images_names_to_tensor():
    from PIL import Image

    with pytest.raises(TypeError, match="ToTensor"):
        default_collate([Image.new("L", (4, 4))])


# --- the loader: order ---


@pytest.mark.parametrize(
    ("batch_size", "drop_last", "lengths"), [(4, False, [4, 4, 2]), (4, True, [4, 4]), (10, True, [10])]
)
def test_loader_cuts_batches(batch_size, drop_last, lengths):
    loader = DataLoader(Numbers(), batch_size, drop_last=drop_last)
    assert [len(batch) for batch in loader] == lengths
    assert len(loader) == len(lengths)
    assert joined(loader) == list(range(sum(lengths)))


def test_shuffle_covers_all_and_differs_between_epochs_and_seeds():
    loader = DataLoader(Numbers(100), 8, shuffle=True, seed=1)
    first, second = joined(loader), joined(loader)
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second
    assert first != list(range(100))
    assert joined(DataLoader(Numbers(100), 8, shuffle=True, seed=1)) == first
    assert joined(DataLoader(Numbers(100), 8, shuffle=True, seed=2)) != first
    assert epoch_order(1, 0, 100).tolist() == first  # a function of (seed, epoch) and nothing else


def test_seed_is_drawn_from_the_global_generator_only_where_asked():
    before = minigen.get_rng_state()
    DataLoader(Numbers(), 2), DataLoader(Numbers(), 2, shuffle=True, seed=3)
    DataLoader(Numbers(), 2, shuffle=True, generator=minigen.Generator(0))
    assert minigen.get_rng_state() == before
    minigen.manual_seed(4)
    first = DataLoader(Numbers(), shuffle=True)
    minigen.manual_seed(4)
    second = DataLoader(Numbers(), shuffle=True)
    third = DataLoader(Numbers(), shuffle=True)
    assert first.seed == second.seed != third.seed
    own = [DataLoader(Numbers(), shuffle=True, generator=minigen.Generator(7)).seed for _ in range(2)]
    assert own[0] == own[1]


def test_get_batch_is_used_and_not_where_a_subclass_replaces_getitem():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            return super().__getitem__(index)[0] * 2

    data = TensorDataset(minigen.arange(4))
    data_calls = []
    data_class = type("Counted", (TensorDataset,), {"get_batch": lambda self, i: data_calls.append(i) or "batch"})
    assert list(DataLoader(data_class(minigen.arange(4)), 2)) == ["batch", "batch"]
    assert listed(DataLoader(Doubled(minigen.arange(4)), 4)) == [[0, 2, 4, 6]]
    assert list(DataLoader(data, 2, collate_fn=len)) == [2, 2]


# --- the loader: threads ---


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_threads_change_neither_order_nor_random_numbers(workers):
    def run(**options):
        loader = DataLoader(Noisy(50), 4, shuffle=True, seed=3, **options)
        return [(i.tolist(), x.tolist()) for _ in range(2) for i, x in loader]

    class Sleepy(Noisy):
        def __getitem__(self, index):
            time.sleep(0.002 * (index % 3))  # later batches would overtake earlier ones
            return super().__getitem__(index)

    expected = run()
    assert run(num_workers=workers) == expected
    loader = DataLoader(Sleepy(50), 4, shuffle=True, seed=3, num_workers=workers, prefetch_factor=1)
    assert [(i.tolist(), x.tolist()) for _ in range(2) for i, x in loader] == expected


def test_random_numbers_of_a_sample_come_from_seed_epoch_index():
    def drawn(seed, batch_size, shuffle):
        loader = DataLoader(Noisy(6), batch_size, shuffle=shuffle, seed=seed)
        return [{i: tuple(x) for ii, xx in loader for i, x in zip(ii.tolist(), xx.tolist())} for _ in range(2)]

    one = drawn(0, 2, True)
    assert one == drawn(0, 3, False)  # neither the batch size nor the order matters
    assert one[0] != one[1]
    assert len({number for pair in one[0].values() for number in pair}) == 12
    assert one != drawn(1, 2, True)


def test_random_numbers_outside_a_loader_come_from_the_global_generator():
    minigen.manual_seed(0)
    first = Noisy()[0][1]
    minigen.manual_seed(0)
    assert (first == sample_generator().random(2)).all()


class Broken(Numbers):
    def __getitem__(self, index):
        if index == 13:
            raise KeyError("no sample thirteen")
        return index


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_exception_in_a_worker_reaches_the_consumer(workers):
    batches = iter(DataLoader(Broken(40), 4, num_workers=workers))
    assert [next(batches).tolist() for _ in range(3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    with pytest.raises(KeyError, match="no sample thirteen"):
        next(batches)
    assert wait_until_no_threads()


def test_abandoned_iteration_stops_its_threads():
    for _ in range(5):
        for _ in DataLoader(Numbers(1000), 2, num_workers=3):
            break
    iterator = iter(DataLoader(Numbers(1000), 2, num_workers=2))
    next(iterator)
    assert loader_threads()
    del iterator
    assert wait_until_no_threads()


def test_abandoned_iteration_drops_what_was_not_begun():
    started, abandoned = [], threading.Event()

    class Held(Numbers):
        def __getitem__(self, index):
            started.append(index)
            if index > 0:
                abandoned.wait(5)
            return index

    iterator = iter(DataLoader(Held(1000), 1, num_workers=1, prefetch_factor=30))
    next(iterator)
    del iterator
    abandoned.set()
    assert wait_until_no_threads()
    assert started in ([0], [0, 1])


def test_finished_iteration_leaves_no_thread():
    list(DataLoader(Numbers(20), 2, num_workers=4))
    assert wait_until_no_threads()


def test_prefetch_runs_ahead_but_not_without_bound():
    started = []

    class Watched(Numbers):
        def __getitem__(self, index):
            started.append(index)
            return index

    iterator = iter(DataLoader(Watched(1000), 1, num_workers=2, prefetch_factor=3))
    next(iterator)
    deadline = time.monotonic() + 60
    while len(started) < 1 + 2 * 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)  # time enough to go too far
    assert len(started) == 1 + 2 * 3


# --- the loader: resuming ---


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [0, 1, 5, 13, 14, 20])
def test_resumed_loader_goes_on_bit_for_bit(stop, workers):
    def new(seed):
        return DataLoader(Noisy(53), 4, shuffle=True, seed=seed, num_workers=workers)  # 14 batches

    def stream(loader):
        while True:
            yield from ((i.tolist(), x.tolist()) for i, x in loader)

    whole = stream(new(9))
    expected = [next(whole) for _ in range(40)]
    interrupted = new(9)
    running = stream(interrupted)
    assert [next(running) for _ in range(stop)] == expected[:stop]
    state = json.loads(json.dumps(interrupted.state_dict()))
    resumed = new(1234)
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    after = stream(resumed)
    assert [next(after) for _ in range(40 - stop)] == expected[stop:]


def test_state_counts_the_batch_in_hand_and_turns_over_with_the_epoch():
    loader = DataLoader(Numbers(8), 4)
    places = []
    for _ in range(2):
        for _ in loader:
            state = loader.state_dict()
            places.append((state["epoch"], state["position"]))
    assert places == [(0, 1), (1, 0), (1, 1), (2, 0)]


def test_a_loader_can_be_set_back():
    loader = DataLoader(Noisy(20), 5, shuffle=True, seed=0)
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    rest = [(i.tolist(), x.tolist()) for i, x in batches]
    list(loader)
    loader.load_state_dict(state)
    assert [(i.tolist(), x.tolist()) for i, x in loader] == rest


def test_loop_left_early_is_followed_by_the_next_epoch():
    loader = DataLoader(Numbers(20), 5, shuffle=True, seed=0)
    for _ in loader:
        break
    assert joined(loader) == epoch_order(0, 1, 20).tolist()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 5}, "batch_size 4, but this loader has 5"),
        ({"length": 21}, "samples 20, but this loader has 21"),
        ({"shuffle": False}, "shuffle"),
        ({"drop_last": True}, "drop_last"),
    ],
)
def test_state_of_another_loader_is_refused(options, words):
    state = DataLoader(Numbers(20), 4, shuffle=True, seed=0).state_dict()
    options = {"length": 20, "batch_size": 4, "shuffle": True, **options}
    other = DataLoader(Numbers(options.pop("length")), seed=0, **options)
    with pytest.raises(ValueError, match=words):
        other.load_state_dict(state)


def test_impossible_state_is_refused():
    loader = DataLoader(Numbers(20), 4)
    with pytest.raises(ValueError, match="an epoch has 5 batches"):
        loader.load_state_dict({**loader.state_dict(), "position": 5})
    with pytest.raises(ValueError, match=r"lacks \['seed'\]"):
        loader.load_state_dict({k: v for k, v in loader.state_dict().items() if k != "seed"})


# --- the loader: bad options ---


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"batch_size": 0}, ValueError, "batch_size is 0"),
        ({"batch_size": 2.5}, ValueError, "batch_size is 2.5"),
        ({"num_workers": -1}, ValueError, "num_workers is -1"),
        ({"prefetch_factor": 0}, ValueError, "prefetch_factor is 0"),
        ({"seed": -1}, ValueError, "seed is -1"),
        ({"dataset": []}, ValueError, "empty"),
        ({"dataset": iter([1])}, TypeError, "__len__"),
        ({"batch_size": 11, "drop_last": True}, ValueError, "smaller batch_size"),
    ],
)
def test_loader_refuses_bad_options(options, error, words):
    with pytest.raises(error, match=words):
        DataLoader(**{"dataset": Numbers(10), **options})


# --- files ---


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MINIGEN_CACHE", str(tmp_path))
    assert cache_folder("mnist") == tmp_path / "mnist"
    monkeypatch.delenv("MINIGEN_CACHE")
    assert cache_folder().name in ("minigen", "Cache")


def test_atomic_write_keeps_the_old_file_on_failure(tmp_path):
    path = tmp_path / "new folder" / "file"
    with atomic_write(path, "w") as file:
        file.write("old")

    def fail(error):
        with atomic_write(path, "w") as file:
            file.write("half of the new")
            raise error

    with pytest.raises(KeyboardInterrupt):
        fail(KeyboardInterrupt())
    with pytest.raises(WriteError, match=r"cannot write .*file: No space left.*nothing half-written"):
        fail(OSError(28, "No space left on device"))
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_atomic_write_on_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(WriteError) as caught, atomic_write(tmp_path / "file") as file:
        file.write(b"x")
    assert caught.value.errno == 28
    assert list(tmp_path.iterdir()) == []


def test_atomic_write_where_a_file_stands_for_the_folder(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(WriteError, match="cannot write"), atomic_write(tmp_path / "taken" / "file"):
        pass
