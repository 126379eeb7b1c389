"""No file that minigen reads runs code: neither what the source says nor what hostile files try."""

import ast
import json
import shutil
import struct
import sys

import pytest
from test_cli import elsewhere, refused  # noqa: F401 (a fixture that all tests here use)
from test_house import SOURCES, name_of, parse
from test_own_runs import OWN

from minigen.cli import main
from minigen.training import CheckpointError, load_system, newest_checkpoint, read_checkpoint, write_checkpoint

pytestmark = pytest.mark.usefixtures("elsewhere")

# Where a program is loaded by its path: one place for the command line, one for the processes that grade answers.
LOADERS = {"minigen.cli.program"}
LOADING = {"spec_from_file_location", "exec_module", "load_module", "SourceFileLoader", "import_module", "__import__"}
LOADING |= {"run_path", "run_module", "module_from_spec"}
RUNNING = {"eval", "exec", "compile", "execfile"}
REACHING = ["getattr", "builtins"]
UNPICKLING = {"pickle", "cPickle", "_pickle", "dill", "marshal", "shelve", "joblib", "cloudpickle", "jsonpickle"}


def what_runs_code(tree):
    """Yield every name in a program by which text or a file could become code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in RUNNING | {"__import__", "__builtins__"}:
            yield node.id
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "builtins" and node.attr in RUNNING:
            yield node.attr
        elif isinstance(node, ast.Call) and [ast.unparse(part) for part in (node.func, *node.args[:1])] == REACHING:
            yield "getattr(builtins, ...)"
        elif isinstance(node, ast.Attribute) and node.attr in LOADING | UNPICKLING:
            yield node.attr
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            yield "allow_pickle"
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            forbidden = UNPICKLING | LOADING | RUNNING | {"runpy", "imp", "code"}
            yield from (name for name in names if name.split(".")[0] in forbidden)


@pytest.mark.parametrize("path", [path for path in SOURCES if "course" not in path.parts], ids=name_of)
def test_only_one_function_loads_a_program(path):
    """The chapters' grader runs answers in processes of their own; its tests are about that."""
    found = set(what_runs_code(parse(path)))
    allowed = {"spec_from_file_location", "exec_module", "module_from_spec"} if name_of(path) in LOADERS else set()
    assert found <= allowed


@pytest.mark.parametrize(
    "program",
    [
        "exec(text)",
        "import pickle",
        "from marshal import loads",
        "np.load(path, allow_pickle=True)",
        "getattr(builtins, 'exec')(text)",
        "builtins.exec(text)",
        "importlib.import_module(name)",
        "spec.loader.exec_module(module)",
        "import runpy",
        "__import__(name)",
        "compile(text, '', 'exec')",
    ],
)
def test_that_test_sees_what_runs_code(program):
    assert list(what_runs_code(ast.parse(program)))
    assert not list(what_runs_code(ast.parse("re.compile(text)\nexecutor = 1\nself.evaluate(loader)")))


# --- a run that names a program -------------------------------------------------------------------------------------

TELLS = "from pathlib import Path\nPath('sung').touch()\n"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Train a system of one's own, and one of minigen's."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "mine.py").write_text(OWN)
    for words in ("mine.py --steps 2 --images 40 --out run", "vae --hidden-size 4 --images 20 --steps 1 --out plain"):
        name, *options, out = words.split()
        name = folder / name if name.endswith(".py") else name
        assert main(["train", str(name), *options, str(folder / out), "--batch-size", "8", "--quiet"]) == 0
    return folder


@pytest.fixture
def own_run(runs, tmp_path):
    """Return a copy of both; the program now tells on whoever runs it."""
    shutil.copytree(runs, tmp_path, dirs_exist_ok=True)
    (tmp_path / "mine.py").write_text(TELLS + OWN)
    return tmp_path


COMMANDS = [
    "sample run",
    "evaluate run",
    "doctor run",
    "train --resume run --quiet",
    "train --config run/config.toml --out again --quiet",
    "sample run/checkpoints/step-00000002.safetensors",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_program_is_not_run_because_a_file_names_it(command, own_run, capsys):
    capsys.readouterr()
    said = refused(capsys, *command.split())
    assert "is a program, and no program is run because a file names it" in said
    assert "--system " in said
    assert not (own_run / "sung").exists()
    assert not (own_run / "again").exists()


@pytest.mark.parametrize("command", COMMANDS[1:5])
def test_it_is_run_where_it_is_typed_again_also_after_it_moved(command, own_run):
    (own_run / "mine.py").rename(own_run / "moved.py")
    assert main([*command.split(), "--system", "moved.py"]) == 0
    assert (own_run / "sung").exists()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("sample plain --system mine.py", "its system is 'vae', here it is"),
        ("evaluate plain --system mine.py", "its system is 'vae', here it is"),
        ("train --resume plain --system mine.py --quiet", "the run's system is 'vae', not"),
        ("train --config plain/config.toml --out x --system mine.py", "the run's system is 'vae', not"),
        ("sample plain --system dcgan", "this is for the Python file of a system of your own"),
        ("train --system mine.py", "begin with: minigen train mine.py"),
        ("train --data mine.py dcgan", "mine.py"),
        ("train --steps 1 mine.py", "name the system first"),
        ("sample run --system nowhere.py", "there is no such file"),
    ],
)
def test_what_does_not_fit_is_one_line(command, message, own_run, capsys):
    assert message in refused(capsys, *command.split())


def test_a_word_that_is_no_system_is_not_run_as_a_program(own_run, capsys):
    refused(capsys, "train", "dcgan", "--data", "mine.py", "--steps", "1", "--quiet")
    refused(capsys, "train", "dcgan", "--out", "mine.py", "--steps", "1", "--quiet")
    assert not (own_run / "sung").exists()


def test_a_checkpoint_that_names_a_program_is_refused_though_its_sha256_is_right(own_run, tmp_path):
    path = newest_checkpoint("plain/checkpoints")
    arrays, record = read_checkpoint(path)
    (tmp_path / "evil.py").write_text(TELLS)
    write_checkpoint(path, arrays, record | {"system": str(tmp_path / "evil.py")})
    before = set(sys.modules)
    with pytest.raises(CheckpointError, match="no program is run because a file names it"):
        load_system("plain")
    assert not (tmp_path / "sung").exists()
    assert set(sys.modules) == before


def test_a_system_that_claims_more_memory_than_its_file_has_is_refused(own_run, tmp_path):
    path = newest_checkpoint("plain/checkpoints")
    arrays, record = read_checkpoint(path)
    write_checkpoint(path, arrays, record | {"options": record["options"] | {"hidden_size": 20_000}})
    with pytest.raises(CheckpointError, match="its vae is larger than the arrays beside it"):
        load_system("plain")


def test_a_configuration_that_claims_more_memory_than_its_checkpoint_is_refused(own_run, tmp_path, capsys):
    text = (tmp_path / "plain/config.toml").read_text()
    (tmp_path / "plain/config.toml").write_text(text.replace("hidden_size = 4", "hidden_size = 20000"))
    assert "more than the" in refused(capsys, "train", "--resume", "plain", "--quiet")


def test_signs_for_the_terminal_in_a_file_are_not_printed(tmp_path, capsys):
    header = json.dumps({"__metadata__": {"minigen": "\x1b]0;owned\x07{"}}).encode()
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    refused(capsys, "sample", "x.safetensors")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/config.toml").write_text('system = "\\u001b[31mvae\\u001b[2J"\n')
    said = refused(capsys, "train", "--resume", "other")
    assert "\x1b" not in said
