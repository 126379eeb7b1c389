"""Hostile files, twenty of each kind, a few kills, a full disk: the short version of ``make torture``."""

import json
import sys
import time
from random import Random

import pytest
from torture import KINDS
from torture.damage import WAYS
from torture.endurance import in_a_process
from torture.faults import Faults, fail_everywhere
from torture.kills import Kills, kill_saving, kill_training
from torture.kind import Kind
from torture.run import Tally, run_attack

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it limits memory and time as Linux does")
FILES = 20


@pytest.mark.parametrize("name", KINDS)
def test_hostile_files_are_refused_and_do_nothing(name):
    tally = run_attack(KINDS[name], max(FILES, len(KINDS[name].crafted) + 10))
    assert tally.faults == []
    assert tally.refused > 0


def test_a_run_killed_at_random_moments_ends_with_the_same_bits(tmp_path):
    found = kill_training(tmp_path, 3)
    assert found.faults == []
    assert (found.loaded, found.same) == (3, True)


def test_a_process_killed_while_it_saves_leaves_the_old_state_or_the_new(tmp_path):
    found = kill_saving(tmp_path, 3)
    assert found.faults == []
    assert found.loaded == 3


def test_a_full_disk_at_some_writes(tmp_path):
    found = fail_everywhere(tmp_path, [2, 12, 21, 33])
    assert found.faults == []
    assert (found.places, found.began_again, found.went_on) == (4, 1, 3)


def test_memory_and_open_files_stay_flat():
    found = in_a_process(120, 10)
    assert found["grown"]["mebibytes"] < 8
    assert found["grown"]["files"] <= 0
    assert found["grown"]["threads"] <= 0


def test_damaged_content_is_damaged():
    """Each way to damage a file changes it; a fuzzer that changes nothing finds nothing."""
    content = b'{"step": 12, "name": "vae"}\n' * 40
    rng = Random(0)
    for way in WAYS:
        changed = sum(way(content, rng) != content for _ in range(20))
        assert changed >= 10, way.__name__
        assert isinstance(way(b"", rng), bytes)


def runs_it(path):
    exec(compile(path.read_bytes(), str(path), "exec"), {})


def writes_beside(path):
    (path.parents[1] / "beside").write_text("x")


def takes_memory(path):
    bytearray(2**32)  # more than an allocator may have kept of what this process has used before


def is_slow(path):
    while True:
        time.sleep(0.1)


def lets_through(path):
    json.loads(path.read_bytes())


@pytest.mark.parametrize(
    ("read", "fault"),
    [
        (runs_it, "ran code of"),
        (writes_beside, "open "),
        (takes_memory, "wanted more than"),
        (is_slow, "took more than"),
        (lets_through, "JSONDecodeError"),
    ],
)
def test_the_attack_sees_what_must_not_be(read, fault, tmp_path):
    """The harness itself, tried with readers that do what none may do."""
    import torture.attack as attack

    def make(folder, rng):
        (folder / "file").write_bytes(b"1")
        return folder / "file"

    if read is takes_memory:
        import resource

        before = resource.getrlimit(resource.RLIMIT_AS)
        attack.limit_memory(256)
    kind = Kind("x", make, read, errors=(), seconds=0.5)
    path = attack.fresh(kind, tmp_path / "root", 0)
    if read is lets_through:
        path.write_bytes(b"{")
    try:
        found = attack.attempt(kind, path, attack.Watch(), tmp_path / "root")
    finally:
        if read is takes_memory:
            resource.setrlimit(resource.RLIMIT_AS, before)
    assert found["outcome"].startswith("fault")
    assert fault in found["outcome"]


def test_the_page_is_written_from_the_figures():
    """A slip in the page must not show only after twenty minutes of measuring."""
    page = pytest.importorskip("benchmarks.torture")
    tally = Tally("JSONL log", files=200, read=20, refused=179, faults=[{"outcome": "fault"}], seconds=0.25)
    worn = {"steps": 1000, "checkpoints": 5, "start": {"mebibytes": 170.0, "files": 5, "threads": 3}}
    worn["grown"] = {"mebibytes": 0.5, "files": 0, "threads": -1}
    killed, saved = Kills(50, 49, 5, False, ["kill 3: ..."]), Kills(50, 50, 28, True, [])
    opened = dict.fromkeys(("pictures", "pixels", "seconds_to_open", "mapped", "grown", "highest"), 7.0)
    many = {"first": opened, "then": opened}
    text = page.page([tally], killed, saved, Faults(39, 9, 30, []), "full after step 6", worn, many, 12.3)
    assert "| JSONL log | 200 | 12 | 179 | 20 | 1 | 0.2 of 5 | 0 of 256 |" in text
    assert "| training | 50 | 5 | 49 | NO: kill 3: ... |" in text
    assert "| threads, and their growth | 3, -1 |" in text
    assert "{" not in text.replace("{name.removeprefix", "")
