"""Threads: what is shared out comes out as if one had done it, errors reach the caller, and BLAS keeps to one."""

import multiprocessing
import os
import threading
import time

import numpy as np
import pytest

import minigen
from minigen import nn, optim, parallel
from minigen.functional import channels, windows


@pytest.fixture
def threads(monkeypatch):
    """Let any product be heavy enough; give back the number of threads afterwards."""
    before = minigen.get_num_threads()
    monkeypatch.setattr(parallel, "_HEAVY", 1)
    yield minigen.set_num_threads
    minigen.set_num_threads(before)


@pytest.fixture
def three(threads):
    threads(3)


class TestSpread:
    def test_results_come_in_the_order_of_the_items(self, three):
        assert parallel.spread(np, lambda i: 2 * i, range(100)) == list(range(0, 200, 2))
        assert parallel.spread(np, str, []) == []

    def test_several_threads_work_at_once(self, three):
        together = threading.Barrier(3, timeout=20)  # opens when three wait, or breaks
        names = parallel.spread(np, lambda _: together.wait() >= 0 and threading.current_thread().name, range(3))
        assert len(set(names)) == 3 and threading.current_thread().name in names

    def test_one_thread_and_other_array_libraries_work_here(self, threads):
        for count, xp in ((1, np), (3, "another")):
            threads(count)
            assert set(parallel.spread(xp, lambda _: threading.get_ident(), range(5))) == {threading.get_ident()}

    def test_a_task_that_shares_out_its_own_work_does_it_itself(self, three):
        def task(_):
            return set(parallel.spread(np, lambda _: threading.get_ident(), range(5))) == {threading.get_ident()}

        assert all(parallel.spread(np, task, range(6)))

    @pytest.mark.parametrize(("culprit", "error"), [(0, IndexError), (7, KeyboardInterrupt), (49, ZeroDivisionError)])
    def test_an_error_reaches_the_caller_and_ends_the_work(self, three, culprit, error):
        done = []

        def task(i):
            if i == culprit:
                raise error(f"task {i}")
            done.append(i)
            if i > culprit:
                threading.Event().wait(0.01)

        with pytest.raises(error, match=f"task {culprit}"):
            parallel.spread(np, task, range(50))
        assert len(done) < culprit + 40 and (culprit == 49 or len(done) < 49)
        assert parallel.spread(np, abs, range(-3, 3)) == [3, 2, 1, 0, 1, 2]  # and the threads are fit for more

    def test_tasks_ignore_the_warnings_that_the_caller_ignores(self, three):
        def divide(_):
            return np.ones(3) / np.zeros(3)

        with np.errstate(divide="ignore"):
            assert all(np.isinf(x).all() for x in parallel.spread(np, divide, range(9)))
        with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
            parallel.spread(np, divide, range(9))

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_a_forked_process_starts_threads_of_its_own(self, three):
        for _ in range(2):  # until all have worked, and wait for more: in the child they will not
            parallel.spread(np, lambda _: time.sleep(0.01), range(9))
        time.sleep(0.1)
        context = multiprocessing.get_context("fork")
        answers = context.Queue()
        child = context.Process(target=lambda: answers.put(parallel.spread(np, abs, [-1, -2, -3])))
        child.start()
        try:
            assert answers.get(timeout=20) == [1, 2, 3]
        finally:
            child.kill()


class TestNumbers:
    def test_blas_keeps_to_one_thread_once_ours_work(self, threads):
        threads(2)
        for library in parallel._blas():
            library.set_num_threads(2)
        parallel.spread(np, abs, range(9))
        assert all(library.num_threads == 1 for library in parallel._blas())

    def test_as_many_threads_as_blas_would_take(self, threads, monkeypatch):
        for library in parallel._blas():
            library.set_num_threads(2)
            monkeypatch.setattr(parallel, "_threads", None)
            assert minigen.get_num_threads() == 2
        threads(1)
        monkeypatch.setattr(parallel, "_blas", list)
        monkeypatch.setattr(parallel, "_threads", None)
        monkeypatch.setattr(os, "cpu_count", lambda: 64)
        assert minigen.get_num_threads() == 8

    @pytest.mark.parametrize(("n", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError)])
    def test_a_number_that_is_none(self, n, error):
        with pytest.raises(error, match="set_num_threads: n"):
            minigen.set_num_threads(n)


@pytest.mark.parametrize("shape", [(40, 7, 3), (3, 7, 40), (1, 5, 1), (2, 0, 3), (0, 4, 5)])
def test_products_are_those_of_numpy(three, shape):
    rows, inner, columns = shape
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((rows, inner)), rng.standard_normal((inner, columns))
    assert np.allclose(parallel.matmul(a, b), a @ b, rtol=1e-12, atol=1e-12)
    assert np.allclose(parallel.matmul(b.T, a.T), (a @ b).T, rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match="matmul"):
        parallel.matmul(np.ones((4, 3)), np.ones((2, 4)))


def training(steps=3):
    """Some steps of a network with every function that is shared out; its parameters and its last output."""
    minigen.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),  # the gradient of one before a batch norm would be rounding
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.ConvTranspose2d(8, 4, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(4 * 8 * 8, 5),
    )
    adam, x = optim.Adam(net.parameters(), lr=1e-2), minigen.randn(20, 3, 16, 16)
    for _ in range(steps):
        adam.zero_grad()
        y = net(x)
        (y * y).mean().backward()
        adam.step()
    return [p.detach().numpy().copy() for p in (*net.parameters(), y)]


def test_training_repeats_bit_for_bit_and_is_the_same_with_any_number_of_threads(threads, monkeypatch):
    for module in (windows, channels):
        monkeypatch.setattr(module, "_BLOCK_BYTES", 2**14)  # several blocks in each convolution, each batch norm
    threads(1)
    alone = training()
    threads(3)
    first, second = training(), training()
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(np.allclose(a, b, rtol=1e-3, atol=1e-5) for a, b in zip(first, alone, strict=True))
