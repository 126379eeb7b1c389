"""What every test shares: one BLAS thread, a fixed seed, Hypothesis profiles, and what a test may need.

A test that compares with PyTorch takes the fixture ``torch``; one that reads real data takes the fixture
``real_data`` (the folder) or the marker ``data``. Both skip with a reason where the thing is missing. Where
it must not be missing, ``MINIGEN_REQUIRE=torch,data`` turns such a skip into a failure.
"""

import gc
import os
from collections import Counter
from pathlib import Path

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"  # read when NumPy is imported, so this stands above that import
os.environ["MPLBACKEND"] = "Agg"

import hypothesis
import pytest

import minigen
from minigen.engine import Function

hypothesis.settings.register_profile("dev", deadline=None, max_examples=30)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=60, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("nightly", deadline=None, max_examples=600, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))

# What MINIGEN_REQUIRE can name, and the word by which a skip's reason gives away that it was missing.
REQUIRABLE = {"torch": "torch", "data": "MINIGEN_DATA", "gpu": "no GPU that CuPy can use"}
REQUIRED = {name.strip() for name in os.environ.get("MINIGEN_REQUIRE", "").split(",") if name.strip()}


def pytest_configure(config):
    if unknown := REQUIRED - set(REQUIRABLE):
        raise pytest.UsageError(f"MINIGEN_REQUIRE: {sorted(unknown)} is unknown; it names {sorted(REQUIRABLE)}")


def pytest_make_parametrize_id(val, argname):
    """Name a test after its argument, not its bytes: packed bytes hold the time, and workers must agree on names."""
    return argname if isinstance(val, bytes) else None


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session):
    """Spare the garbage collector the 20,000 tests themselves, which it would look through again and again."""
    gc.collect()
    gc.freeze()


def fail_where_required(report, about):
    """Turn a skip into a failure when it skipped something that MINIGEN_REQUIRE names."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    for name in sorted(REQUIRED):
        if name in about or REQUIRABLE[name].lower() in reason.lower():
            report.outcome = "failed"
            report.longrepr = f"{report.nodeid} was skipped ({reason}), but MINIGEN_REQUIRE names {name}"
            return


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    about = {mark.name for mark in item.iter_markers()} | set(item.fixturenames)
    fail_where_required(report, about | ({"data"} if "real_data" in about else set()))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    fail_where_required(report, set())  # a module may skip as a whole: importorskip at its top
    return report


def pytest_terminal_summary(terminalreporter):
    """Say why tests were skipped, one line a reason."""
    skipped = [report.longrepr for report in terminalreporter.getreports("skipped")]
    reasons = Counter(reason[2].removeprefix("Skipped: ") for reason in skipped if isinstance(reason, tuple))
    if reasons:
        terminalreporter.section("skipped")
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count:5d}  {reason}")


def find_real_data():
    """Return the folder of real data sets, or skip the test that asks."""
    folder = os.environ.get("MINIGEN_DATA")
    if not folder:
        pytest.skip("MINIGEN_DATA is not set: it names the folder of the real data sets")
    if not Path(folder).is_dir():
        pytest.skip(f"MINIGEN_DATA={folder} is not a folder")
    return Path(folder)


def pytest_runtest_setup(item):
    if item.get_closest_marker("data"):
        find_real_data()


@pytest.fixture(scope="session")
def real_data():
    return find_real_data()


@pytest.fixture(scope="session")
def torch():
    torch = pytest.importorskip("torch", reason="torch is not installed: no second opinion")
    torch.set_num_threads(1)
    return torch


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """No test reads or writes the user's cache."""
    os.environ["MINIGEN_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def seed():
    """Every test starts from the same random numbers, whichever ran before it."""
    minigen.manual_seed(0)


@pytest.fixture(params=["standin", "compiled", "cuda"])
def device(request):
    """A device that is not the CPU: the strict stand-in for CuPy, without and with our own kernels, and CuPy itself."""
    if request.param == "cuda":
        if not minigen.cuda.is_available():
            pytest.skip("no GPU that CuPy can use: the stand-in alone speaks for it")
        yield "cuda"
        return
    import standin  # here, because tests/ is not on everybody's path who uses this file

    if request.param == "compiled" and standin.compiled.COMPILER is None:
        pytest.skip(standin.compiled.WHY_NOT)
    with standin.installed(compiles=request.param == "compiled") as name:
        yield name


@pytest.fixture
def made_dtypes(monkeypatch):
    """The dtypes of everything that functions make, forward and backward."""
    made = {}
    original = Function.apply.__func__

    def apply(cls, *inputs, **options):
        y = original(cls, *inputs, **options)
        made.setdefault(str(y.dtype), cls.__name__)
        return y

    monkeypatch.setattr(Function, "apply", classmethod(apply))
    return made
