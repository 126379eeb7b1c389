"""Change the code in small ways, one at a time, and see whether the tests notice: ``make mutants``.

A sample of the mutants that mutmut makes of the engine, of `minigen/ops` and of `minigen/functional` is tried; each is
run against the tests that execute its function, most of which come from that function's rows in tests/table.  Mutants
that only change the words of a message are left out of the sample: docs/errors.md holds the words.  The figures go to
a JSON file, from which `benchmarks.trust` takes them; survivors are listed there with their diff, to be looked at.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONFIG = """
[tool.mutmut]
source_paths = ["minigen"]
only_mutate = ["minigen/engine.py", "minigen/ops/*.py", "minigen/functional/*.py"]
also_copy = ["minigen", "README.md", "docs", "benchmarks", "pytest_minigen.py"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-q", "-x", "--deselect={deselected}"]
pytest_add_cli_args_test_selection = [{tests}]
timeout_multiplier = 5.0
timeout_constant = 5.0
"""
# The line of a user's program is not found through mutmut's own calls.
DESELECTED = "tests/test_errors.py::test_mistake_is_explained[Where a NaN came from]"
# The others train, call commands or build packages: slow, and not about single functions.
TESTS = """
    test_functions test_engine test_autograd test_tensor test_indexing test_reductions test_windows
    test_conv_geometry test_pool_norm_resample test_norms test_activations test_losses test_likelihoods test_similarity
    test_errors
""".split()
STRING = re.compile(r"""[rbf]*("[^"]*"|'[^']*')""")


def copy_checkout(folder: Path) -> None:
    """Copy what git knows of this checkout, with mutmut's settings."""
    shutil.rmtree(folder, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    tests = ", ".join(f'"tests/{name}.py"' for name in TESTS if (ROOT / "tests" / f"{name}.py").exists())
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(CONFIG.format(tests=tests, deselected=DESELECTED))


def mutmut(folder: Path, *names: str) -> None:
    """Run mutmut for the mutants named; its log stands beside the copy."""
    one_thread = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}
    command = [Path(sys.executable).with_name("mutmut"), "run", "--max-children", str(os.cpu_count() or 1), *names]
    with folder.with_suffix(".log").open("a", encoding="utf-8") as log:
        done = subprocess.run(command, cwd=folder, env=os.environ | one_thread, stdout=log, stderr=log, check=False)
    if done.returncode:
        raise SystemExit(f"mutmut failed; its log is {folder.with_suffix('.log')}")


def exit_codes(folder: Path) -> dict[str, int | None]:
    """Return what became of every mutant, by its name; None where it was not tried."""
    codes: dict[str, int | None] = {}
    for path in sorted((folder / "mutants").rglob("*.meta")):
        codes |= json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    return codes


def difference(folder: Path, name: str) -> str:
    """The lines that a mutant changes, as in a diff."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    before = Path.cwd()
    os.chdir(folder)  # mutmut looks for its files in the working folder
    try:
        lines = get_diff_for_mutant(name).splitlines()
    finally:
        os.chdir(before)
    return "\n".join(line for line in lines[2:] if line.startswith(("-", "+")))


def only_changes_words(diff: str) -> bool:
    """Tell whether a mutant changes nothing but the text of strings, or drops a message."""
    old, new = (
        "".join(STRING.sub('""', line[1:]) for line in diff.splitlines() if line.startswith(sign)) for sign in "-+"
    )
    return old == new or bool(re.search(r"(raise |Error\()", old + new))


def sample(folder: Path, count: int, seed: int) -> list[str]:
    """Draw mutants in a random order, leaving out those that change words only."""
    names = sorted(exit_codes(folder))
    random.Random(seed).shuffle(names)
    chosen: list[str] = []
    for name in names:
        if len(chosen) == count:
            break
        if not only_changes_words(difference(folder, name)):
            chosen.append(name)
    return chosen


def main() -> None:
    """Try a sample of mutants and write what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "mutants")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "mutants.json")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    copy_checkout(folder)
    print("making the mutants, and seeing which tests run which function: some minutes")
    mutmut(folder, "minigen.ops.elementwise.xǁExpǁbackward__mutmut_1")
    chosen = sample(folder, arguments.count, arguments.seed)
    print(f"trying {len(chosen)} of {len(exit_codes(folder))} mutants")
    for start in range(0, len(chosen), 100):
        mutmut(folder, *chosen[start : start + 100])
        print(f"{min(start + 100, len(chosen))} of {len(chosen)}", flush=True)
    from mutmut.stats import status_by_exit_code

    codes = exit_codes(folder)
    fates = {name: status_by_exit_code[codes[name]] for name in chosen}
    caught = sum(fate in ("killed", "timeout", "segfault") for fate in fates.values())
    survivors = {name: difference(folder, name) for name, fate in fates.items() if fate in ("survived", "no tests")}
    figures = {"seed": arguments.seed, "mutants": len(codes), "tried": len(chosen), "caught": caught}
    arguments.out.write_text(
        json.dumps(figures | {"fates": Counter(fates.values()), "survivors": survivors}, indent=2, ensure_ascii=False)
        + "\n",
        encoding="utf-8",
    )
    print(f"{caught} of {len(chosen)} mutants caught; what survived is in {arguments.out}")


if __name__ == "__main__":
    main()
