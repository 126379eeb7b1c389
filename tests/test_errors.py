"""docs/errors.md is the catalogue of mistakes: each program in it is run, and must fail with the words below it.

After a message was improved, `python tests/test_errors.py` writes the new words into the page; read them before you
keep them.
"""

import re
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
import standin
from PIL import Image

import minigen
import minigen.nn.functional as F
from minigen import nn, optim
from minigen.checks import check_backward, check_gradients
from minigen.data import DataLoader, ImageFolder, TensorDataset, random_split, transforms

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"
MISTAKE = re.compile(
    r"^### (?P<title>[^\n]+)\n\n```python\n(?P<program>.*?)```\n\n```text\n(?P<message>.*?)```\n", re.S | re.M
)
NAMES = {
    "minigen": minigen,
    "nn": nn,
    "F": F,
    "optim": optim,
    "np": np,
    "Image": Image,
    "DataLoader": DataLoader,
    "ImageFolder": ImageFolder,
    "TensorDataset": TensorDataset,
    "random_split": random_split,
    "transforms": transforms,
    "check_backward": check_backward,
    "check_gradients": check_gradients,
}
MISTAKES = [match.groupdict() for match in MISTAKE.finditer(PAGE.read_text(encoding="utf-8"))]
# What NumPy and Python say when nobody looked at the door.
FROM_BELOW = re.compile(
    r"could not be broadcast|broadcast together|cannot reshape array|ufunc|gufunc|has no attribute 'array'|dtype\('"
    r"|core dimension|unsupported operand|object is not|unexpected keyword|positional argument"
)


def what_it_says(program):
    """Run a program and return 'TypeOfError: message', a warning counted as an error; None where nothing was raised."""
    minigen.manual_seed(0)
    program = program.replace('"cuda"', '"standin"')  # there may be no GPU
    try:
        with standin.installed(), warnings.catch_warnings():
            warnings.simplefilter("error")
            exec(compile(program, "mine.py", "exec"), dict(NAMES))
    except Exception as error:
        return f"{type(error).__name__}: {error}".replace("standin", "cuda")
    return None


def words(text):
    """The text without its line breaks: the page wraps long messages."""
    return " ".join(text.split())


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["title"])
def test_mistake_is_explained(mistake):
    said = what_it_says(mistake["program"])
    assert said is not None, "the program ran to its end"
    assert words(said) == words(mistake["message"])


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["title"])
def test_no_message_comes_from_below(mistake):
    assert not FROM_BELOW.search(mistake["message"])


def test_the_page_holds_what_it_promises():
    page = PAGE.read_text(encoding="utf-8")
    titles = [mistake["title"] for mistake in MISTAKES]
    assert (
        len(set(titles)) == len(titles) == page.count("\n### ") == page.count("```python\n") - 1
    )  # the first: imports
    assert len(titles) >= 80
    assert f"**{len(titles)} mistakes**" in page


def test_the_programs_begin_as_the_page_says():
    beginning = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S).group(1)
    names = {}
    exec(beginning, names)
    assert {name: value for name, value in names.items() if name != "__builtins__"} == NAMES


def rewritten(match):
    message = what_it_says(match["program"]) or "nothing was raised"
    lines = [
        wrapped for line in message.splitlines() for wrapped in textwrap.wrap(line, 110, break_on_hyphens=False) or [""]
    ]
    return "### {}\n\n```python\n{}```\n\n```text\n{}\n```\n".format(match["title"], match["program"], "\n".join(lines))


if __name__ == "__main__":
    PAGE.write_text(MISTAKE.sub(rewritten, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
