"""The rules of the house: imports, what the package may not do, docstrings that run, a README that is true.

These tests read the source; what the code computes is tested elsewhere.
"""

import ast
import doctest
import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import minigen

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "minigen"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PROGRAMS = SOURCES + sorted(path for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
README = (ROOT / "README.md").read_text(encoding="utf-8")

# Lowest first: a file imports from its own floor and those below. "minigen" is the package's __init__.py.
FLOORS = """
    cuda_setup files backend dtypes arguments parallel kernels modes engine operands ops tensor creation oldnames
    namespace linalg functional.windows functional autograd cuda nn optim saving summary minigen data metrics
    drawing plot models training checks course cli __main__
""".split()
# A function may import these itself, so that nobody waits for what is not used.
HEAVY = {
    "matplotlib",
    "PIL",
    "pooch",
    "requests",
    "urllib3",
    "cupy",
    "cupyx",
    "threadpoolctl",
    "tqdm",
    "tensorboardX",
    "jupytext",
}
PICKLES = {"pickle", "cPickle", "dill", "marshal", "shelve", "joblib"}


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def run_python(program, folder):
    """Run a program in a process of its own, in `folder`, and return what it printed."""
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def name_of(path):
    """Return the dotted name of a file of the package: minigen.nn.module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def floor_of(name):
    """Return the floor of a dotted name: that of its longest beginning which is one."""
    part = name.removeprefix("minigen.")
    while part and part not in FLOORS:
        part = part.rpartition(".")[0]
    return FLOORS.index(part or "minigen")


MODULES = [name_of(path) for path in SOURCES if path.name != "__main__.py"]  # importing that one runs it
every_source = pytest.mark.parametrize("path", SOURCES, ids=name_of)
every_module = pytest.mark.parametrize("name", MODULES)


def imports_of(tree):
    """Yield the dotted name of everything that a file imports: `from a import b` gives a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the whole name of the module"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def upward_imports(name, tree):
    """Return the imports by which the file called `name` reaches above its floor."""
    ours = [imported for imported in imports_of(tree) if imported.split(".")[0] == "minigen"]
    home = floor_of(name)
    limit = floor_of("minigen.nn") if home == floor_of("minigen.checks") else home
    return [imported for imported in ours if floor_of(imported) > limit and floor_of(imported) != home]


@every_source
def test_imports_point_down(path):
    assert upward_imports(name_of(path), parse(path)) == []


def test_an_upward_import_is_seen_wherever_it_stands():
    tree = ast.parse("import numpy\nfrom minigen.engine import grad\ndef f():\n    from minigen import nn")
    assert upward_imports("minigen.tensor", tree) == ["minigen.nn"]
    assert upward_imports("minigen.functional.windows", ast.parse("import minigen.functional.conv")) != []
    assert upward_imports("minigen.checks.gradients", ast.parse("import minigen.models")) != []


@every_source
def test_only_heavy_libraries_are_imported_inside_functions(path):
    functions = [node for node in ast.walk(parse(path)) if isinstance(node, ast.FunctionDef)]
    inside = {imported.split(".")[0] for function in functions for imported in imports_of(function)}
    assert inside <= HEAVY


@every_source
def test_nothing_in_the_package_runs_what_it_reads(path):
    tree = parse(path)
    nodes = list(ast.walk(tree))
    assert not {imported.split(".")[0] for imported in imports_of(tree)} & PICKLES
    assert not {node.id for node in nodes if isinstance(node, ast.Name)} & {"eval", "exec"}
    assert not any(node.arg == "allow_pickle" for node in nodes if isinstance(node, ast.keyword))


def test_importing_minigen_stays_light(tmp_path):
    printed = run_python("import sys, minigen; print(*sys.modules)", tmp_path).split()
    assert "numpy" in printed
    assert not set(printed) & (HEAVY | {"torch"})


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_says_what_it_is(path):
    assert ast.get_docstring(parse(path)), "a file opens with a paragraph: what it is and what it is not"


@every_module
def test_everything_public_has_a_docstring(name):
    """Look at functions, classes and methods; a method may inherit its docstring, as `forward` does."""
    module = importlib.import_module(name)
    ours = [obj for obj in vars(module).values() if getattr(obj, "__module__", "") == name and callable(obj)]
    named = {obj.__qualname__: obj for obj in ours if hasattr(obj, "__qualname__")}
    for cls in [obj for obj in ours if isinstance(obj, type)]:
        named |= {f"{cls.__qualname__}.{key}": getattr(cls, key) for key in vars(cls)}
    public = {key: obj for key, obj in named.items() if not any(part[:1] in "_<" for part in key.split("."))}
    assert [key for key, obj in public.items() if callable(obj) and not inspect.getdoc(obj)] == []


@every_module
def test_docstring_examples_run(name, tmp_path, monkeypatch):
    """Run the examples of each docstring by themselves, with the seed 0, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    complaints = []
    for example in doctest.DocTestFinder(exclude_empty=True).find(module):
        minigen.manual_seed(0)
        runner.run(example, out=complaints.append)
    if complaints:
        pytest.fail("".join(complaints), pytrace=False)


def test_the_program_in_the_readme_runs(tmp_path):
    (program,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(program.splitlines()) <= 25
    assert "epoch 3" in run_python(program, tmp_path)


def test_the_commands_in_the_readme_exist():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    commands = re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)", README, flags=re.MULTILINE)
    named = {first or second for first, second in commands}
    assert {"demo", "test"} <= named <= set(targets)


def test_the_links_in_the_readme_lead_somewhere():
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.xdist_group("group")
def test_a_group_of_tests_stays_with_one_worker(request):
    """Else what a group shares (a built wheel, a chapter's run) would be made once more by each worker."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("only one process runs the tests")
    assert request.node.nodeid.endswith("@group"), "this pytest and this pytest-xdist do not go together"


def test_what_is_required_may_not_be_skipped(tmp_path):
    """Run conftest.py over three tests that skip: two of them lack what MINIGEN_REQUIRE can name."""
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_three.py").write_text(
        "import pytest\n"
        "def test_images(real_data): pass\n"
        "def test_comparison(): pytest.importorskip('torch_that_is_nowhere')\n"
        "def test_gpu(): pytest.skip('there is no GPU')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("MINIGEN", "PYTEST"))}

    def run(required):
        settings = variables | {"MINIGEN_REQUIRE": required}
        done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False)
        return done.stdout.splitlines()[-1].partition(" in ")[0]

    assert run("") == "3 skipped"
    assert run("torch") == "1 failed, 2 skipped"
    assert run("torch,data") == "1 failed, 1 skipped, 1 error"


def test_no_file_names_a_folder_of_one_machine():
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout, so nothing says which files belong to the project")
    binary = (".png", ".gif", ".safetensors")
    texts = [ROOT / name for name in listing.stdout.split("\0") if name and not name.endswith(binary)]
    folder = re.compile(r"(?<![\w.~/-])/(?:home|Users|root|work|opt|mnt|tmp)/\w")
    found = [path.name for path in texts if folder.search(path.read_text(encoding="utf-8"))]
    assert found == []
