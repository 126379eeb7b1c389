"""The pages of docs/ are true: their programs run, their commands are followed, their links lead somewhere.

A page is followed from its top in an empty folder.  Comments before a block, which readers do not see, say what is done
with it: ``<!-- file NAME -->`` writes it, ``<!-- follow -->`` runs its commands (``, 1`` is the exit code that they end
with, ``in tests with ...`` what is added to `minigen train`, so that it is short), ``<!-- printed -->`` looks for it in
what was printed last.  Other blocks of Python run one after the other, as in one session.
"""

import ast
import contextlib
import importlib
import inspect
import io
import re
import shlex
import sys
import textwrap
from pathlib import Path

import pytest

import minigen
from minigen.cli import main
from minigen.course import compare as course_compare
from minigen.course import exercise as course_exercise
from minigen.course.catalogue import chapters
from minigen.course.compare import Mismatch
from minigen.course.copies import swapped, text_of
from minigen.course.examine import open_trusted
from minigen.course.exercise import Draw
from minigen.course.process import AnswerError
from minigen.engine import Function

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for path in [*DOCS.glob("*.md"), *(DOCS / "howto").glob("*.md"), *ROOT.glob("*.md")]
    if "_build" not in path.parts
)
FOLLOWED = [DOCS / "start.md", DOCS / "architecture.md", *sorted((DOCS / "howto").glob("*.md"))]
# Pages whose programs another test runs.
ELSEWHERE = {"errors.md": "test_errors.py", "teaching.md": "test_teaching.py", "README.md": "test_house.py"}
BLOCK = re.compile(
    r"^(?P<indent>[ ]*)(?:<!-- (?P<what>[^>]*?) -->\n[ ]*)?```(?P<language>\w*)\n(?P<text>.*?)^[ ]*```$",
    re.DOTALL | re.MULTILINE,
)

every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())


def blocks(path):
    """Return the blocks of code of a page: (what the comment before it says, its language, its text)."""
    found = []
    for block in BLOCK.finditer(path.read_text(encoding="utf-8")):
        text = re.sub(rf"^{block['indent']}", "", block["text"], flags=re.MULTILINE)
        found.append((block["what"] or "", block["language"], text))
    return found


def commands(text):
    """Yield the words of every command `minigen ...` in a block, comments left out."""
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if re.match(r"\s*(?:\.venv/bin/|\.venv\\Scripts\\)?minigen\s", line):
            yield shlex.split(line, comments=True)[1:]


class Session:
    """A reader who does what a page says, in a folder of their own."""

    def __init__(self):
        self.names, self.printed = {"__name__": "__main__"}, ""

    def do(self, what, language, text):
        """Do what one block says."""
        if "needs torch" in what:
            pytest.importorskip("torch")
        action = what.replace("needs torch", "").strip("; ")
        if action == "printed":
            assert text.strip() in self.printed
        elif action.startswith("file "):
            Path(action.removeprefix("file ")).write_text(text, encoding="utf-8")
        elif action.startswith("follow"):
            self.follow(action, text)
        elif language == "python":
            self.run(text)

    def follow(self, action, text):
        """Run the commands of a block."""
        code = re.match(r"follow, (\d+)", action)
        more = re.search(r"in tests with (.*)", action)
        said = io.StringIO()
        for words in commands(text):
            short = more[1].split() if more and words[0] == "train" and "--resume" not in words else []
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                assert main([*words, *short]) == int(code[1] if code else 0), said.getvalue()
        self.printed = said.getvalue()

    def run(self, text):
        """Run a program in the page's session, as if it had been typed."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(text, "<page>", "exec"), self.names)
        self.printed = said.getvalue()


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty folder, on the path of imports, whose modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]


@pytest.mark.parametrize("path", FOLLOWED, ids=lambda path: path.stem)
def test_a_page_does_what_it_says(path, elsewhere):
    session = Session()
    steps = blocks(path)
    assert steps
    for step in steps:
        session.do(*step)


def test_a_page_that_is_wrong_is_seen(elsewhere):
    session = Session()
    session.do("", "python", "print(1 + 1)\n")
    session.do("printed", "text", "2\n")
    with pytest.raises(AssertionError):
        session.do("printed", "text", "3\n")
    with pytest.raises(AssertionError):
        session.do("follow", "", "minigen list --nonsense\n")
    with pytest.raises(NameError):
        session.do("", "python", "nobody\n")


@every_page
def test_every_program_of_a_page_is_run_by_some_test(path):
    programs = [text for what, language, text in blocks(path) if language == "python"]
    if path in FOLLOWED or path.name in ELSEWHERE or path.name == "writing-chapters.md":
        for text in programs:
            ast.parse(text)
    else:
        assert programs == [], "write ```text, or follow this page"


class Understood(Exception):
    """The words of a command were read, and nothing was done."""


@pytest.fixture
def understood(monkeypatch):
    """A function that lets the parser of the command line read a command, and says what it does not understand."""

    def stop(*_):
        raise Understood

    monkeypatch.setattr("minigen.cli.offline", stop)

    def read(words):
        if words[:1] == ["train"] and any(word.endswith(".py") for word in words[1:2]):
            return ""  # its options are those of the program, which the page's own test runs
        try:
            main(words)
        except (Understood, SystemExit):  # --help leaves at once
            return ""
        return "not understood"

    return read


@every_page
def test_every_command_of_a_page_is_understood(path, understood, capsys):
    text = path.read_text(encoding="utf-8")
    lines = [text for _, language, text in blocks(path) if language in ("", "sh", "console", "text")]
    lines += [
        re.sub(r"\b0(\|\d)+", "0", line)  # --seed 0|1|2
        for line in re.findall(r"^    (minigen .*)$", text, flags=re.MULTILINE)
    ]
    wrong = [words for words in commands("\n".join(lines)) if understood(words)]
    for inside in re.findall(r"`((?:\.venv/bin/)?minigen [^`]*)`", BLOCK.sub("", text)):
        wrong += [
            words
            for words in commands(inside.replace("FILE", "file.py"))
            if understood(words) and not is_unfinished(capsys)
        ]
    assert wrong == []


def is_unfinished(capsys):
    """Whether the parser only missed something: prose may name a command without all that it wants."""
    return re.search(r"are required|expected (?:one|at least one) argument", capsys.readouterr().err)


def test_a_command_that_is_wrong_is_seen(understood, capsys):
    assert understood(["train", "vae", "--epochs", "3"]) == ""
    assert understood(["train", "vae", "--epoks", "3"]) and understood(["trian"]) and understood(["data", "preview"])


@every_page
def test_every_target_and_program_of_a_page_exists(path):
    text = path.read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)(?=[`\s])", text, flags=re.MULTILINE))
    assert named <= set(targets)
    for module in re.findall(r"python -m ((?:benchmarks|torture)\.\w+)", text):
        where = ROOT / ("tests" if module.startswith("torture") else ".")
        assert (where / f"{module.replace('.', '/')}.py").is_file(), module


# --- links -----------------------------------------------------------------------------------------------------------

LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")


def anchors(path):
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    text = BLOCK.sub("", path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.replace("`", "").lower()).strip().replace(" ", "-") for heading in headings}


def broken_links(path, text):
    """Return the links of a page to files or headings that are not there."""
    broken = []
    for link in LINK.finditer(BLOCK.sub("", text)):
        name, _, anchor = link["target"].partition("#")
        if re.match(r"[a-z]+:", name):
            continue
        there = (path.parent / name).resolve() if name else path
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(link["target"])
    return broken


@every_page
def test_links_lead_somewhere(path):
    assert broken_links(path, path.read_text(encoding="utf-8")) == []


def test_a_link_that_leads_nowhere_is_seen():
    page = DOCS / "data.md"
    text = "[a](doctor.md#nan) [b](doctor.md#nan-nan) [c](none.md) [d](#downloads) [e](#uploads) [f](https://x.y)"
    assert broken_links(page, text) == ["doctor.md#nan-nan", "none.md", "#uploads"]


def test_every_page_is_in_a_table_of_contents():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    trees = re.findall(r"```\{toctree\}\n(.*?)```", index, flags=re.DOTALL)
    named = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in PAGES if path.is_relative_to(DOCS)}
    generated = {"chapters/index", "chapters/museum/index", "reference/index"}
    assert len(named) == len(set(named)) and set(named) == (pages - {"index"}) | generated


# --- what is generated -----------------------------------------------------------------------------------------------


def extension(name):
    """Import one of the files that make the site; those that are asked for here need no Sphinx."""
    folder = str(DOCS / "extensions")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def names_of(module, promised):
    """Yield what a module offers: what ``__all__`` lists, or else what it defines; constants where it is promised."""
    listed = getattr(module, "__all__", None)
    if listed is None and not promised:
        return
    for short in listed if listed is not None else [key for key in vars(module) if key[0] != "_"]:
        thing = getattr(module, short)
        routine = isinstance(thing, type) or inspect.isroutine(thing)
        own = listed is not None or module is minigen or getattr(thing, "__module__", "") == module.__name__
        constant = promised and (listed is not None or module is minigen)
        if not inspect.ismodule(thing) and own and (routine or constant):
            yield short


def entries(reference):
    """Return the things that have an entry, by their ids."""
    texts = "\n".join(reference.texts().values())
    written = set(re.findall(r"^\.\. (?:auto\w+|py:data):: (\S+)$", texts, flags=re.MULTILINE))
    assert len(written) > 600
    return {id(reference.named(name)): name for name in written}


def test_every_public_name_has_an_entry_in_the_reference():
    """What people can import is asked of the modules themselves, one by one, in another way than the pages do it."""
    reference = extension("site_reference")
    objects = entries(reference)
    missing = []
    for path in sorted((ROOT / "minigen").rglob("*.py")):
        name = ".".join(part for part in path.relative_to(ROOT).with_suffix("").parts if part != "__init__")
        if name.startswith(reference.PRIVATE):
            continue
        module = importlib.import_module(name)
        for short in names_of(module, promised=name in reference.MODULES):
            if id(getattr(module, short)) not in objects:
                missing.append(f"{name}.{short}")
    assert missing == []


def test_every_name_that_a_page_imports_has_an_entry_in_the_reference():
    objects = entries(extension("site_reference"))
    programs = [text for path in PAGES for _, language, text in blocks(path) if language == "python"]
    programs += [text_of(chapter) for chapter in chapters()]
    imported = set()
    for node in (node for text in programs for node in ast.walk(ast.parse(textwrap.dedent(text)))):
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "minigen":
            imported |= {(node.module, alias.name) for alias in node.names}
    assert len(imported) > 50
    things = {(module, name): getattr(importlib.import_module(module), name) for module, name in imported}
    made = {key: thing for key, thing in things.items() if isinstance(thing, type) or inspect.isroutine(thing)}
    missing = [key for key, thing in made.items() if id(thing) not in objects]
    assert missing == []


def test_the_site_has_every_chapter_with_its_solutions_folded():
    site = extension("site_chapters")
    for chapter in chapters():
        made = site.notebook(site.text_of(chapter), "digest")
        code = [cell for cell in made.cells if cell.cell_type == "code"]
        prose = "".join(cell.source for cell in made.cells if cell.cell_type == "markdown")
        assert "### BEGIN" not in "".join(cell.source for cell in made.cells)
        assert all("### " not in cell.source for cell in code)
        ast.parse("\n".join(cell.source for cell in code))
        folded = [cell for cell in code if "hide-input" in cell.metadata.get("tags", [])]
        assert len(folded) >= len(chapter.exercises) and "```python" in prose
        assert ("<details>" in prose) == chapter.museum
        assert prose.count("<details>") == prose.count("</details>")


def test_a_notebook_of_the_site_is_executed_again_when_its_outputs_may_change():
    site = extension("site_chapters")
    text = "# %%\nprint(1)\n"
    assert site.notebook(text, "a") == site.notebook(text, "a")
    assert site.notebook(text, "a").metadata.kernelspec != site.notebook(text, "b").metadata.kernelspec


def test_bars_and_stars_in_docstrings_are_no_markup():
    escaped = extension("site_text").as_written
    assert escaped("of |x| and ``|x|`` and `a|b`") == r"of \|x\| and ``|x|`` and `a|b`"
    assert escaped("(N, *shape), which is *not* much") == "(N, *shape), which is *not* much".replace("*s", r"\*s")
    assert escaped("**bold**, *so* and 2 * x, x**2") == "**bold**, *so* and 2 * x, x**2"
    assert escaped(".. math:: |x|\n\n   |y|\n\n|z|") == ".. math:: |x|\n\n   |y|\n\n" + r"\|z\|"


def test_links_out_of_the_site_become_their_text():
    try:
        links = extension("site_links").for_the_site
    except ImportError:
        pytest.skip("Sphinx is not installed: make docs does it")
    assert links("trust", "[a](../tests/table) [b](data.md) ![c](../d.png)") == "a [b](data.md) ![c](../d.png)"
    assert links("howto/resume", "[a](../data.md) [b](../../minigen/models)") == "[a](../data.md) b"


def test_the_example_in_writing_chapters_is_an_exercise():
    """Its two halves belong together: the solution passes the declared check, and the typical mistakes do not."""
    page, declaration, _ = (text for _, language, text in blocks(DOCS / "writing-chapters.md") if language == "python")
    names = vars(course_exercise) | vars(course_compare)
    exec(compile(declaration, "<declaration>", "exec"), names)
    exercise = names["DOUBLE"]

    def verdict(text):
        answer = open_trusted(exercise, text)
        try:
            exercise.parts[0].check(answer, Draw(0, "double", "value", "", {}))
        except (AnswerError, Mismatch):
            return False
        return True

    assert verdict(page)
    assert len(exercise.wrong) == 3
    assert not any(verdict(swapped(page, exercise, wrong)) for wrong in exercise.wrong)


def test_the_walk_in_the_architecture_is_the_engines():
    """The page counts the nodes of its example, and says what they are."""
    (program,) = (text for _, language, text in blocks(DOCS / "architecture.md") if language == "python")
    names = {}
    before = Function.calls_so_far()
    exec(compile(program.replace("loss.backward()", ""), "<page>", "exec"), names)
    node, chain = names["loss"].grad_fn, []
    while node is not None:
        chain.append((node.order - before, type(node).__name__))
        node = node.inputs[0].grad_fn
    assert chain == [(4, "Div"), (3, "Sum"), (2, "Relu"), (1, "Conv2d")]
