"""Measure what docs/trust.md promises, and write the page: ``make trust``.

Every function is checked against finite differences at many random points, planted faults are counted as caught or
not, and the figures of `benchmarks.mutants` are taken in.  The words of the page stand here, the numbers in it come
from this run.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import table  # noqa: E402  (tests/table)
from plants import PLANTS  # noqa: E402

from minigen.checks import GradientError, check_gradients  # noqa: E402

PAGE = """\
# Why you can trust the gradients

One page: what is promised, how it is tested, and what was measured.  `make trust` measures again and writes this page;
the tests themselves run with `make test`.

## What is promised

1. **Values** are those of a slow twin in scalar loops ([`minigen/checks/reference/`](../minigen/checks/reference)),
   which shares no expression with the function, to 1e-10 in float64; and PyTorch's, where PyTorch has the function.
2. **Gradients** of the first, second and third order agree with finite differences: along random directions, under a
   random nonlinear readout, |analytic - numeric| / max(1, |analytic|) <= 1e-6 in float64.
3. **float32 stays float32**, through functions, models, norms and optimisers.
4. **Layout and sharing change nothing**: gaps, reversed and column-major memory, channels last, inputs that repeat one
   row, empty batches, single elements, one tensor used twice.
5. **Any array library**: what runs on NumPy runs on a strict stand-in for CuPy that refuses what CuPy refuses.
6. **Mistakes are explained**: [docs/errors.md](errors.md) lists {mistakes} of them, each run as a test.

## How it is tested

One row a function in [`tests/table/`](../tests/table) says how to call it and at which inputs;
`tests/test_functions.py` makes every check of every row, and fails when a function has no row.  The readout is
nonlinear on purpose: under a sum, softmax and batch norm have the gradient 0, right or wrong, and under any linear
readout the second derivative of a linear function is never computed.

**The checks are checked.**  Faults are planted in the library, one at a time, and must be seen
([`tests/plants/`](../tests/plants)).  Mutants of the code (mutmut) are tried against the tests that run the mutated
function.  And right functions must pass: a check that cries wolf is turned off by those who use it.

## What was measured

{machine}

| what | figure |
|---|---|
| Functions (classes with a backward), each with a row or more | {functions} |
| rows | {rows} |
| tests made from the rows | {tests} |
| worst error, order 1 | {worst1} |
| worst error, order 2 | {worst2} |
| worst error, order 3 | {worst3} |
| checks of right functions at random points, orders 1 to 3 each | {checks} |
| false alarms among them | {alarms} |
| planted faults | {plants} |
| ... caught | {caught} |
| ... that keep the value and the first gradient right | {subtle} |
| ... that do not show in a neighbouring row (equal sizes, stride = kernel, no repeats) | {hidden} |
| mutants tried, of {mutants} that mutmut makes of the engine, ops and functional | {tried} |
| ... caught | {killed} ({share:.1f} %) |

{survivors}

## What is not promised

- A check looks at one point and at random directions.  It is evidence, not a proof; `check_gradients` says so too.
- At a kink (relu at 0, a tie in a maximum) there is no derivative; minigen takes PyTorch's choice where it has one.
- An infinite gradient that arrives at a masked element (of relu, of clamp) becomes NaN: masks multiply, because
  selecting is many times slower.
- Nothing here was run on a GPU.
"""
SURVIVORS = """\
What survived, looked at one by one; the tests that are said to be added came after this count:

{list}"""


def every_derivative(checks: int) -> tuple[dict[int, tuple[float, str]], list[str]]:
    """Check the rows in turn, each round at other points; return the worst errors by order, and the false alarms."""
    worst: dict[int, tuple[float, str]] = {}
    alarms = []
    for i in range(checks):
        row, seed = table.ROWS[i % len(table.ROWS)], i // len(table.ROWS)
        try:
            report = check_gradients(row.f, *row.arrays(seed), order=3, seed=seed, name=row.name)
        except GradientError as error:
            alarms.append(f"{row.name}, seed {seed}")
            report = error.report
        for comparison in report.comparisons:
            worst[comparison.order] = max(worst.get(comparison.order, (0.0, "")), (comparison.error, row.name))
        if (i + 1) % 1000 == 0:
            print(f"{i + 1} checks, {len(alarms)} false alarms", flush=True)
    return worst, alarms


def run_pytest(*arguments: str) -> str:
    """Run pytest in a process of its own and return its last line."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[-1]


def number_before(word: str, line: str) -> int:
    """Return the number in front of a word: 'passed' in '3 failed, 46 passed'."""
    found = re.search(rf"(\d+) {word}", line)
    return int(found.group(1)) if found else 0


def survivors_of(mutants: dict) -> str:
    """Return the paragraph about mutants that nothing noticed, with what was found out about each."""
    reasons = json.loads((ROOT / "benchmarks" / "survivors.json").read_text(encoding="utf-8"))
    lines = []
    for name in mutants["survivors"]:
        place = re.sub(r"\.x[_ǁ]", ".", name.partition("__mutmut")[0]).replace("ǁ", ".")
        lines.append(f"- `{place}`: {reasons.get(name, 'not looked at yet')}")
    return SURVIVORS.format(list="\n".join(lines)) if lines else "No mutant survived."


def main() -> None:
    """Measure, print, and write docs/trust.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checks", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "trust.md")
    arguments = parser.parse_args()
    start = time.perf_counter()
    worst, alarms = every_derivative(arguments.checks)
    planted = run_pytest("tests/test_planted.py", "-k", "test_planted_fault_is_caught")
    collected = run_pytest("tests/test_functions.py", "--collect-only")
    mutants = json.loads((ROOT / "benchmarks" / "mutants.json").read_text(encoding="utf-8"))
    functions = {cls for row in table.ROWS for cls in row.covers}
    text = PAGE.format(
        machine=f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.machine()}.",
        mistakes=len(re.findall(r"^### ", (ROOT / "docs" / "errors.md").read_text(encoding="utf-8"), re.M)),
        functions=len(functions),
        rows=len(table.ROWS),
        tests=number_before("tests? collected", collected),
        **{f"worst{order}": f"{error:.1e} ({name})" for order, (error, name) in worst.items()},
        checks=arguments.checks,
        alarms=len(alarms),
        plants=len(PLANTS),
        caught=number_before("passed", planted),
        subtle=sum(plant.caught in (2, 3) for plant in PLANTS),
        hidden=sum(plant.hidden_in is not None for plant in PLANTS),
        mutants=mutants["mutants"],
        tried=mutants["tried"],
        killed=mutants["caught"],
        share=100 * mutants["caught"] / mutants["tried"],
        survivors=survivors_of(mutants),
    )
    arguments.out.write_text(text, encoding="utf-8")
    print(text)
    print(f"{time.perf_counter() - start:.0f} s; false alarms by row: {dict(Counter(alarms))}")


if __name__ == "__main__":
    main()
