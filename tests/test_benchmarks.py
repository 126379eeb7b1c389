"""The programs that compare with PyTorch: they run, their arithmetic is right, their page is written whole.

Nothing here looks at how fast anything was.
"""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minigen
from benchmarks import files, functions, sides, speed, speed_page, speed_plot, workloads
from benchmarks import profile as profiles

ROOT = Path(__file__).parents[1]
NAMES = list(workloads.WORKLOADS)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def side(milliseconds, memory=None):
    found = {"median_ms": milliseconds, "min_ms": milliseconds * 0.9}
    return found | ({} if memory is None else {"peak_mb": memory})


def example_figures():
    """Figures such as `benchmarks.speed` writes: minigen takes as long as PyTorch, W1's time 1.2 times as long."""
    steps, kinds = [], {"matrix products": 60.0, "norms": 30.0, "the rest": 10.0}
    for threads in (2, 1):
        for name in NAMES:
            ratio = 1.2 if name == "W1" else 0.5
            row = {"name": name, "threads": threads, "flops": 10**10, "ratio": ratio, "ratio_of_minima": ratio}
            row |= {"ratio_low": ratio - 0.1, "ratio_high": ratio + 0.1, "memory_ratio": 0.5}
            row |= {"minigen": side(200 * ratio, 300), "torch": side(200, 600), sides.TUNED: side(180, 620)}
            steps.append(row)
    growth = [
        {"batch": batch, "size": size, "threads": 1, "flops": batch * size**2 * 10**6}
        | {"minigen": side(batch * size**2 / 100, 100 + batch), "torch": side(batch * size**2 / 50, 400 + batch)}
        for batch, size in speed.GROWTH
    ]
    rows = [
        {"family": family, "name": name, "direction": direction, "threads": threads, "ratio": ratio}
        | {"minigen": side(2 * ratio), "torch": side(2)}
        for threads in (2, 1)
        for family, name, ratio in (("conv2d", "W1: 3 to 64", 0.8), ("norms", "batch norm", 1.3))
        for direction in ("forward", "backward")
    ]
    return {
        "machine": {"CPU": "a CPU", "cores": 2},
        "rounds": 6,
        "sgemm_peak": {"2": 2e11, "1": 1e11},
        "steps": steps,
        "functions": rows,
        "growth": growth,
        "overhead": {
            "calls": {"forward_us": 2.5, "backward_us": 8.0},
            "import": {"import_s": 0.1, "import_median_s": 0.12},
            "loader": {str(n): {"wait_ms": 8.0, "step_ms": 50.0, "step_min_ms": 45.0, "share": 0.16} for n in range(3)},
        },
        "profiles": [{"name": name, "threads": 1, "median_ms": 98.0, "kinds_ms": kinds} for name in NAMES],
    }


# --- arithmetic -----------------------------------------------------------------------------------------------------


def test_ratios_are_of_medians_of_minima_and_of_each_round():
    found = sides.ratios([[1.0, 2.0, 9.0], [3.0, 3.0, 3.0]], [[2.0, 2.0, 2.0], [1.0, 1.5, 5.0]])
    assert found == {"ratio": 1.5, "ratio_of_minima": 1.0, "ratio_low": 1.0, "ratio_high": 2.0}


def test_summary_is_in_milliseconds():
    assert sides.summary([[0.001, 0.002], [0.009]]) == {"median_ms": 2.0, "min_ms": 1.0}


def test_the_floor_is_flops_over_the_peak_of_as_many_threads():
    figures = {"sgemm_peak": {"2": 2e11, "1": 1e11}}
    assert speed_page.floor_ms({"flops": 10**10, "threads": 1}, figures) == 100.0
    assert speed_page.floor_ms({"flops": 10**10, "threads": 2}, figures) == 50.0


def test_exponent_of_a_power_is_found():
    x = [1.0, 3.0, 10.0]
    assert speed_page.exponent(x, [5 * a**1.5 for a in x]) == pytest.approx(1.5)


def test_a_bar_is_kept_by_the_digits_that_are_shown():
    assert speed_page.against(1.104, 1.10) == "1.10"
    assert speed_page.against(1.106, 1.10) == "**1.11**, missed"


def test_growth_goes_by_images_and_by_their_size_from_one_step():
    series = speed_page.series_of(example_figures()["growth"])
    assert [row["batch"] for row in series["batch"]] == [8, 16, 32, 64, 128]
    assert [row["size"] for row in series["image size"]] == [32, 64, 128]


def conv_flops(batch, pixels, i, o, taps, passes):
    return 2 * batch * pixels * i * o * taps * passes


def test_flops_are_those_of_the_direct_algorithm(torch):
    """W3: forward and both gradients of each layer, but no gradient for the images.

    W2: each layer of G once forward and back (not for the noise); D three times, with a gradient for images once.
    """
    assert sides.flops_of(workloads.step_case(torch, "W3")) == (
        conv_flops(64, 32 * 32, 3, 32, 9, passes=2)
        + conv_flops(64, 16 * 16, 32, 64, 9, passes=3)
        + 2 * 64 * (4096 * 128 + 128 * 10) * 3
    )
    assert sides.flops_of(workloads.step_case(torch, "W5")) > 0  # takes a gradient of a gradient
    assert sides.flops_of(workloads.step_case(torch, "W2")) == (
        2 * 128 * 100 * 6272 * 2
        + conv_flops(128, 7 * 7, 128, 64, 16, passes=3)
        + conv_flops(128, 14 * 14, 64, 1, 16, passes=3)
        + conv_flops(128, 14 * 14, 1, 64, 16, passes=3 + 3 + 1)
        + conv_flops(128, 7 * 7, 64, 128, 16, passes=9)
        + conv_flops(128, 1, 128, 1, 49, passes=9)
    )


# --- what is measured -----------------------------------------------------------------------------------------------


def test_w1_is_the_dcgan_of_64x64_and_grows_by_layers():
    """Parameters of G and D in pytorch/examples: 3,576,704 and 2,765,568."""
    counts = {}
    for size in (32, 64):
        made = []
        step = workloads.w1(Recorder(minigen, made), 2, size)
        counts[size] = [sum(weight.numel() for weight in weights) for weights in made]
    assert counts[64] == [3_576_704, 2_765_568]
    assert counts[32] != counts[64]
    step()


class Recorder:
    """A library that notes what its optimizers are given."""

    def __init__(self, lib, made):
        self.lib, self.made, self.optim = lib, made, self

    def __getattr__(self, name):
        return getattr(self.lib, name)

    def Adam(self, parameters, **options):
        self.made.append(list(parameters))
        return self.lib.optim.Adam(self.made[-1], **options)


@pytest.mark.parametrize("name", functions.FAMILIES)
def test_functions_are_the_same_for_both_libraries(name, torch, monkeypatch):
    """All of a family in both libraries, with small images: same cases, same shapes of gradients."""
    monkeypatch.setitem(
        functions.FAMILIES,
        name,
        [(label, make, (2, *shape[1:])) for label, make, shape in functions.FAMILIES[name]],
    )
    ours, theirs = functions.family(minigen, name), functions.family(torch, name)
    assert list(ours) == list(theirs) != []
    for case in ours:
        results = [cases[case].timed(cases[case].prepare()) for cases in (ours, theirs)]
        if case.endswith("|backward"):
            shapes = [[tuple(grad.shape) for grad in grads] for grads in results]
            assert shapes[0] == shapes[1]
        elif case.endswith("|forward"):
            assert tuple(results[0].shape) == tuple(results[1].shape)


def test_minigens_images_lie_channels_last():
    assert minigen.nn.Conv2d(3, 4, 3)(minigen.ones(2, 3, 8, 8)).array.strides[1] == 4  # what the next layer is given
    assert functions.values(minigen, (2, 3, 4, 4)).array.strides[1] == 4


def test_allocator_and_threads_are_set_as_the_side_says(torch, monkeypatch):
    tuned = []
    monkeypatch.setattr(minigen, "tune_allocator", lambda: tuned.append(True))
    threads = torch.get_num_threads(), minigen.get_num_threads()
    try:
        assert sides.load_library("torch", 1) is torch and not tuned
        assert torch.get_num_threads() == 1
        assert sides.load_library(sides.TUNED, 1) is torch and len(tuned) == 1
        assert sides.load_library("minigen", 3) is minigen and len(tuned) == 2
        assert minigen.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads[0])
        minigen.set_num_threads(threads[1])


def test_workers_have_the_threads_asked_for_and_none_of_our_settings(monkeypatch):
    given = {}
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.mmap_max=0")
    monkeypatch.setattr(sides.subprocess, "Popen", lambda command, **options: given.update(options["env"]))
    sides.Side("numpy", 2)
    assert given["OPENBLAS_NUM_THREADS"] == given["OMP_NUM_THREADS"] == "2"
    assert not {"OPENBLAS_CORETYPE", "GLIBC_TUNABLES"} & set(given)


# --- the profile ----------------------------------------------------------------------------------------------------


def test_time_is_filed_under_the_kind_of_work():
    conv = profiles.kind_of("minigen.functional.windows:im2col", profiles.REST)
    assert conv == profiles.COPIES
    assert profiles.kind_of("numpy:matmul", conv) == profiles.PRODUCTS
    assert profiles.kind_of("minigen.functional.windows:extend", conv) == profiles.PADDING
    assert profiles.kind_of("minigen.ops.arithmetic:Mul.forward", conv) == conv  # its caller's
    assert profiles.kind_of("numpy:matmul", profiles.NORMS) == profiles.NORMS
    assert profiles.kind_of("minigen.engine:backward", profiles.REST) == profiles.REST


def test_a_profile_sees_numpys_functions_and_puts_them_back():
    x = minigen.randn(4, 3, 8, 8)
    layer = minigen.nn.Conv2d(3, 5, 3)
    before = {name: getattr(np, name) for name in ("matmul", "add", "copyto")}
    found = profiles.measure(workloads.Case(lambda: None, lambda _: layer(x).relu().sum().backward()), 0.0)
    assert {name: getattr(np, name) for name in before} == before
    assert sys.getprofile() is None
    assert {profiles.PRODUCTS, profiles.COPIES, "activations"} <= set(found["kinds_ms"])
    assert [profiles.PRODUCTS, "numpy:matmul"] in [row[:2] for row in found["functions_ms"]]


def test_a_profile_gives_each_moment_to_one_function(monkeypatch):
    """Three functions that take 1, 2 and 4 ticks of a clock of our own, one inside the other."""
    clock = iter(range(1000))
    monkeypatch.setattr(profiles.time, "perf_counter", lambda: next(clock))
    profile = profiles.Profile()

    def inner():
        return None

    def outer():
        inner()
        inner()

    profile.run(outer)
    by_name = {name.rpartition(".")[2]: ticks for (_, name), ticks in profile.seconds.items()}
    assert by_name["inner"] == 2  # from each call to its return
    assert by_name["outer"] == 3  # before, between and after


# --- the page -------------------------------------------------------------------------------------------------------


def test_words_around_the_tables_stay(tmp_path):
    page = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    blocks = speed_page.blocks_of(example_figures(), "speed.png")
    assert set(re.findall(r"<!-- measured: (\w+) -->", page)) == set(blocks)
    filled = files.fill(page, blocks)
    assert files.fill(filled, blocks) == filled
    without = re.compile(r"(?<=-->)(?:(?!<!--).)*(?=<!-- end -->)", re.DOTALL)
    assert without.sub("", filled) == without.sub("", page)
    assert "| W1 | 2 | 1.10 | 0.95 | **1.20**, missed | 1.10 to 1.30 | 0.60 | 0.50 |" in filled
    assert "| W2 | 1 | 1.00 | — | 0.50 | 0.40 to 0.60 | 0.50 | 0.50 |" in filled
    assert "| W1 | 1 | 240 | 200 | 180 | 1.20 | 1.20 | 1.33 | 100 | 2.40 | 2.00 | 1.80 | 300 | 600 | 620 |" in filled
    assert "| matrix products | 60.0 (60 %) |" in filled
    assert "| batch | minigen | 1.00 |" in filled
    assert "| forward call that records, 8 numbers | 2.5 µs |" in filled


@pytest.mark.parametrize(
    "page", ["", "{a} <!-- end --> {a} <!-- end -->", "{a}", "{a} <!-- measured: b --> <!-- end -->"]
)
def test_a_page_without_its_markers_is_refused(page):
    with pytest.raises(ValueError, match="measured: a"):
        files.fill(page.format(a="<!-- measured: a -->"), {"a": "text"})


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "figures.json"
    files.write_whole(path, b"old")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.write_whole(path, b"new")
    assert path.read_bytes() == b"old"


def test_page_and_plot_come_from_the_figures(tmp_path, monkeypatch, capsys):
    figures, page, plot = tmp_path / "speed.json", tmp_path / "speed.md", tmp_path / "_static" / "speed.png"
    plot.parent.mkdir()
    page.write_text((ROOT / "docs" / "speed.md").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["page", "--json", str(figures), "--page", str(page), "--plot", str(plot)])
    (tmp_path / "overhead.json").write_text(json.dumps(example_figures()["overhead"]))
    figures.write_text(json.dumps(example_figures() | {"growth": []}))
    with pytest.raises(SystemExit, match="lacks growth"):
        speed_page.main()
    figures.write_text(json.dumps(example_figures()))
    speed_page.main()
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert "](_static/speed.png)" in page.read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_static", "overhead.json", "speed.json", "speed.md"]


def test_the_plot_has_axes_with_units(monkeypatch):
    plt, labels = importlib.import_module("matplotlib.pyplot"), []
    close = plt.close

    def look_and_close(figure):
        labels.extend(label for axes in figure.axes for label in (axes.get_xlabel(), axes.get_ylabel()))
        close(figure)

    monkeypatch.setattr(plt, "close", look_and_close)
    speed_plot.draw(example_figures())
    assert {"peak memory of the process, MB", "time of a step, ms", "GFLOP a step"} <= set(labels)


# --- the programs ---------------------------------------------------------------------------------------------------


def test_a_part_of_the_comparison_runs(torch, tmp_path):
    out = tmp_path / "speed.json"
    words = ["--only", "W4", "losses", "--threads", "1", "--rounds", "1", "--seconds", "0.01", "--json", str(out)]
    command = [sys.executable, "-m", "benchmarks.speed", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert speed.STEP_HEAD in done.stdout and "\nW4         1  " in done.stdout
    figures = json.loads(out.read_text())
    assert [row["name"] for row in figures["steps"]] == ["W4"]
    assert {row["family"] for row in figures["functions"]} == {"losses"}
    assert [profile["name"] for profile in figures["profiles"]] == ["W4"]
    assert "kernel" in figures["machine"]["BLAS of NumPy"]
    assert figures["sgemm_peak"]["1"] > 1e9


def stand_in(answers):
    """Build a class like `Side` that answers from a dict, without a process; it notes what it was asked."""

    class StandIn(sides.Side):
        asked = []

        def __init__(self, name, threads):
            self.name = name

        def ask(self, *command):
            self.asked.append((self.name, *command))
            return answers.get(command[0])

        def __exit__(self, *_):
            pass

    return StandIn


def test_growth_is_measured_at_each_size(monkeypatch, capsys):
    side = stand_in({"run": [0.5, 0.25, 0.25], "peak_memory": 200.4, "flops": 10**9})
    monkeypatch.setattr(speed, "Side", side)
    monkeypatch.setattr(sides, "PAUSE", 0.0)
    rows = speed.measure_growth(1, 1)
    assert [(row["batch"], row["size"]) for row in rows] == speed.GROWTH
    assert rows[0]["minigen"] == {"median_ms": 250.0, "min_ms": 250.0, "peak_mb": 200}
    assert ("torch", "load", "W1", {"batch": 128, "size": 64}) in side.asked
    assert ("minigen", "flops", "W1") not in side.asked


def test_the_profile_is_printed_beside_the_floor(monkeypatch, capsys):
    found = {"median_ms": 90.0, "kinds_ms": {"norms": 75.0, "the rest": 25.0}, "functions_ms": [["norms", "f", 75.0]]}
    monkeypatch.setattr(profiles, "Side", stand_in({"sgemm_peak": 1e11, "flops": 5 * 10**9, "profile": found}))
    monkeypatch.setattr(sys, "argv", ["profile", "W3"])
    profiles.main()
    printed = capsys.readouterr().out
    assert "W3, 1 threads: 90.0 ms a step, 100.0 ms profiled" in printed
    assert "75.00 ms  75.0 %   1.50 of the floor  norms" in printed


def test_without_pytorch_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(speed.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(speed, "measure", lambda *_: pytest.fail("it began to measure"))
    monkeypatch.setattr(sys, "argv", ["speed"])
    with pytest.raises(SystemExit, match="pip install torch"):
        speed.main()


def test_a_worker_that_ends_is_named():
    with sides.Side("numpy", 1) as worker, pytest.raises(SystemExit, match="the process of numpy ended"):
        worker.ask("no such verb")
