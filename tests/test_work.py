"""No step of training does more work than recorded: matrix products, FLOPs, bytes of buffers, peak memory.

A guard against slowness without a clock.  Where a change makes a workload cheaper, or dearer for a good reason, the
record is written anew with ``python -m benchmarks.work`` and the difference shows in review.
"""

import ast
import json
from pathlib import Path

import pytest

import minigen
from benchmarks.work import RECORD, counted, work_of, workload
from benchmarks.workloads import WORKLOADS
from minigen import nn
from minigen.nn import functional as F

MORE_MEMORY = 1.02  # the interpreter's own objects differ from version to version; counts have no tolerance
STALE = 0.7  # a record that is far above what is counted would not notice a step back
AGAIN = "`python -m benchmarks.work` writes the record anew"
LIBRARY = Path(minigen.__file__).parent


@pytest.fixture(scope="module")
def record():
    return json.loads(RECORD.read_text())


def test_every_workload_is_recorded(record):
    assert list(record) == list(WORKLOADS)


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_step_does_no_more_work_than_recorded(name, record):
    for figure, value in workload(name).items():
        limit = record[name][figure]
        allowed = limit * MORE_MEMORY if figure == "memory_bytes" else limit
        assert value <= allowed, f"{name} takes {value:,} {figure}; {limit:,} are recorded. Is it worth it? {AGAIN}"
        assert value >= STALE * limit, f"{name} takes but {value:,} {figure} of {limit:,} recorded: well done; {AGAIN}"


# --- the counters count ----------------------------------------------------------------------------------------------


def test_products_are_counted_whoever_asks_for_them():
    x, w = minigen.randn(2, 3, 8, 8), minigen.randn(5, 3, 3, 3)
    for call, flops in (
        (lambda: minigen.ones(4, 3) @ minigen.ones(3, 5), 2 * 4 * 3 * 5),
        (lambda: minigen.ones(7, 4, 3).matmul(minigen.ones(7, 3, 5)), 7 * 2 * 4 * 3 * 5),
        (lambda: F.linear(minigen.ones(4, 3), minigen.ones(5, 3)), 2 * 4 * 3 * 5),
        (lambda: F.conv2d(x, w), 2 * 2 * 36 * 5 * 27),
        (lambda: F.conv2d(x, w[:, :, :1, :1]), 2 * 2 * 64 * 5 * 3),
    ):
        with counted() as work:
            call()
        assert work.products >= 1
        assert work.flops == flops


def test_products_in_other_threads_are_counted():
    large = minigen.ones(1024, 1024)
    before = minigen.get_num_threads()
    minigen.set_num_threads(2)
    try:
        with counted() as work:
            _ = large @ large
    finally:
        minigen.set_num_threads(before)
    assert (work.products, work.flops) == (2, 2 * 1024**3)


def test_columns_are_counted():
    x, w = minigen.randn(2, 8, 8, 3).permute(0, 3, 1, 2), minigen.randn(5, 3, 3, 3)
    with counted() as work:
        F.conv2d(x, w)
    assert work.buffer_bytes == 2 * 36 * 27 * x.array.itemsize


def test_memory_is_the_peak_while_the_step_runs():
    work = work_of(lambda: lambda: minigen.zeros(1000, 1000))
    assert 4e6 <= work.memory_bytes < 4.1e6


def test_arrays_are_multiplied_by_matmul_alone():
    """The operator @ and NumPy's other products of arrays could not be counted; einsum is in no workload."""
    others = {"dot", "vdot", "inner", "outer", "tensordot"}
    for path in [*(LIBRARY / "functional").rglob("*.py"), *(LIBRARY / "ops").rglob("*.py"), LIBRARY / "parallel.py"]:
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef) or not _takes_arrays(function):
                continue
            for node in ast.walk(function):
                assert not isinstance(node, ast.MatMult), f"{path.name}: {function.name} multiplies arrays by @"
                assert getattr(node, "attr", None) not in others, f"{path.name}: {function.name} calls {node.attr}"


def _takes_arrays(function):
    annotations = [a.annotation for a in function.args.args]
    arrays = any(getattr(a, "id", None) == "Array" for a in annotations)
    return arrays or function.name in ("forward", "backward_arrays")


# --- gradients that nobody needs -------------------------------------------------------------------------------------


def flops(function):
    with counted() as work:
        function()
    return work.flops


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: nn.Linear(16, 8, bias=False), (32, 16)),
        (lambda: nn.Conv2d(4, 8, 3, padding=1, bias=False), (8, 4, 10, 10)),
        (lambda: nn.Conv2d(4, 8, 4, stride=2, padding=1, bias=False), (8, 4, 10, 10)),
        (lambda: nn.ConvTranspose2d(4, 8, 4, stride=2, padding=1, bias=False), (8, 4, 10, 10)),
        (lambda: nn.Conv1d(4, 8, 3, padding=1, bias=False), (8, 4, 50)),
    ],
    ids=["linear", "conv", "strided", "transposed", "conv1d"],
)
def test_one_of_two_gradients_costs_one_product(layer, shape):
    """Of a first layer the input's gradient is not computed; of a frozen layer the weight's is not."""
    layer = layer()

    def backward(needs_x, needs_weight):
        layer.requires_grad_(needs_weight)
        y = layer(minigen.randn(*shape).requires_grad_(needs_x))
        return flops(y.sum().backward)

    forward = flops(lambda: layer(minigen.randn(*shape)))
    both, first, frozen = backward(True, True), backward(False, True), backward(True, False)
    assert first > 0 and frozen > 0
    assert first + frozen == both
    assert max(first, frozen) <= 1.3 * forward  # at most: where the transpose computes rows that fall outside


def test_a_frozen_discriminator_costs_the_generator_less():
    generator = nn.Sequential(nn.Linear(8, 64), nn.Tanh())
    discriminator = nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))

    def backward(frozen):
        discriminator.requires_grad_(not frozen)
        return flops(discriminator(generator(minigen.randn(16, 8))).mean().backward)

    weights = sum(2 * 16 * p.numel() for p in discriminator.parameters() if p.ndim == 2)
    assert backward(frozen=False) - backward(frozen=True) == weights


def test_a_detached_batch_gives_the_generator_no_work():
    generator, discriminator = nn.Linear(8, 64, bias=False), nn.Linear(64, 1, bias=False)
    loss = discriminator(generator(minigen.randn(16, 8)).detach()).mean()
    assert flops(loss.backward) == 2 * 16 * 64


def test_asked_for_one_gradient_grad_computes_no_other():
    first, second = nn.Linear(8, 64, bias=False), nn.Linear(64, 1, bias=False)
    loss = second(first(minigen.randn(16, 8))).mean()
    assert flops(lambda: minigen.grad(loss, second.weight)) == 2 * 16 * 64


# --- memory ----------------------------------------------------------------------------------------------------------


SIZE = 4 * 500 * 500  # bytes of each tensor below
LENGTH = 30


def chain(retain_graph=False):
    """A step whose graph keeps a tensor for each parameter; its backward makes a gradient for each."""
    x, weights = minigen.ones(500, 500), [minigen.ones(500, 500).requires_grad_() for _ in range(LENGTH)]

    def step():
        y = x
        for weight in weights:
            weight.grad = None
            y = y * weight
        y.sum().backward(retain_graph=retain_graph)

    return step


def test_the_graph_is_freed_during_the_walk_back():
    """A step back makes the gradient of a parameter and gives up the tensor that it was multiplied with."""
    freed, kept = (work_of(lambda keep=keep: chain(retain_graph=keep)).memory_bytes for keep in (False, True))
    assert kept - freed > 0.8 * LENGTH * SIZE
    assert freed < (2 * LENGTH + 6) * SIZE


def test_a_step_that_is_over_holds_no_graph():
    """Two steps take no more than one, without the garbage collector: nothing in a graph refers to it in a circle."""

    def twice():
        step = chain()
        return lambda: (step(), step())

    assert work_of(twice).memory_bytes < work_of(chain).memory_bytes + SIZE


def test_a_graph_without_backward_dies_with_its_last_user():
    def build():
        x = minigen.ones(500, 500).requires_grad_()
        return lambda: [x.sin().cos().exp().sum() for _ in range(LENGTH)] and None

    with_all = work_of(build).memory_bytes
    assert with_all > LENGTH * SIZE  # the list holds all sums, and each sum its graph
    assert work_of(lambda: one_by_one).memory_bytes < 8 * SIZE


def one_by_one():
    x = minigen.ones(500, 500).requires_grad_()
    for _ in range(LENGTH):
        x.sin().cos().exp().sum()
