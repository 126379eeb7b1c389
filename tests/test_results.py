"""The ledger: what counts, when a bar is met, what is measured again, and the page that shows it."""

import os
from pathlib import Path

import pytest

from benchmarks import ledger, results, results_page
from benchmarks.ledger import Bar, Row
from minigen import models

ROW = Row("mine", "vae --data mnist", lambda folder: {}, (Bar("nats", "<=", 105),), seeds=(0, 1))
OTHER = Row("other", "vae --data glyphs", lambda folder: {}, seeds=(0,))


@pytest.fixture(autouse=True)
def two_rows(monkeypatch):
    monkeypatch.setattr(results_page, "ROWS", (ROW, OTHER))


def stored(figures, row=ROW, side="minigen"):
    run = {"command": row.command, "seconds": 90.0, "versions": "minigen 1"}
    return {row.name: {side: {str(seed): run | {"figures": one} for seed, one in enumerate(figures)}}}


def both(ours, theirs):
    return {"mine": {**stored(ours)["mine"], **stored(theirs, side="torch")["mine"]}}


@pytest.mark.parametrize(
    ("bar", "ours", "theirs", "expected"),
    [
        (Bar("nats", "<=", 105), [104.0, 106.0], [], False),  # the worst seed counts
        (Bar("nats", "<=", 105), [104.0, 105.0], [], True),
        (Bar("nats", ">=", 105), [104.0, 106.0], [], False),
        (Bar("nats", "<=", 105, mean=True), [104.0, 106.0], [], True),
        (Bar("nats", "<=", 1.1, of="torch"), [108.0, 109.0], [100.0, 100.0], True),
        (Bar("nats", "<=", 1.1, of="torch"), [108.0, 111.0], [100.0, 100.0], False),
        (Bar("nats", "within", 2, of="torch", mean=True), [100.0, 106.0], [104.0, 104.0], True),
        (Bar("nats", "within", 0.5, of="torch", mean=True), [100.0, 106.0], [104.0, 104.0], False),
        (Bar("nats", "<=", 1.1, of="torch"), [108.0], [], None),
        (Bar("nats", "<=", 105), [], [], None),
    ],
)
def test_when_a_bar_is_met(bar, ours, theirs, expected):
    store = both([{"nats": x} for x in ours], [{"nats": x} for x in theirs])
    assert results_page.met(store, ROW, bar) is expected


@pytest.mark.parametrize(
    ("bar", "ours", "theirs", "expected"),
    [
        (Bar("nats", "<=", 105), [104.0], [], None),  # the second seed may be worse
        (Bar("nats", "<=", 105), [106.0], [], False),  # it cannot mend this
        (Bar("nats", "<=", 105, mean=True), [106.0], [], None),  # it can
        (Bar("nats", "<=", 1.1, of="torch"), [100.0, 100.0], [100.0], None),
        (Bar("nats", "<=", 1.1, of="torch"), [120.0, 120.0], [100.0], None),
        (Bar("nats", "within", 2, of="torch", mean=True), [100.0, 100.0], [100.0], None),
    ],
)
def test_no_bar_is_met_before_all_seeds_were_run(bar, ours, theirs, expected, monkeypatch):
    store = both([{"nats": x} for x in ours], [{"nats": x} for x in theirs])
    assert results_page.met(store, ROW, bar) is expected
    word = {True: "yes", False: "**no**", None: "not yet known"}[expected]
    monkeypatch.setattr(results_page, "ROWS", (ROW._replace(bars=(bar,)),))
    assert results_page.summary(store).rstrip().endswith(f"| {word} |")


def test_a_bar_may_be_another_row():
    store = stored([{"nats": 40.0}, {"nats": 40.0}]) | stored([{"nats": 100.0}], OTHER)
    assert results_page.met(store, ROW, Bar("nats", "<=", 0.5, of="other")) is True
    assert results_page.met(store, ROW, Bar("nats", "<=", 0.3, of="other")) is False
    assert results_page.in_words(Bar("nats", "<=", 0.5, of="other")) == "<= 0.5 x that of other"


@pytest.mark.parametrize(
    ("ours", "expected"), [([100.0, 50.0], True), ([100.0, 39.0], False), ([80.0, 50.0], False), ([100.0], None)]
)
def test_a_bar_may_be_another_row_seed_by_seed(ours, expected, monkeypatch):
    other = OTHER._replace(seeds=(0, 1))
    monkeypatch.setattr(results_page, "ROWS", (ROW, other))
    store = stored([{"nats": x} for x in ours]) | stored([{"nats": 90.0}, {"nats": 40.0}], other)
    bar = Bar("nats", ">=", 1, of="other", by_seed=True)
    assert results_page.met(store, ROW, bar) is expected
    assert results_page.in_words(bar) == ">= that of other, each seed"


def test_what_an_older_command_gave_does_not_count():
    store = stored([{"nats": 100.0}])
    assert not results.missing(store, ROW, 0, "minigen")
    assert results.missing(store, ROW, 1, "minigen")
    assert results.missing(store, ROW, 0, "torch")
    newer = ROW._replace(command="vae --data mnist --epochs 3")
    assert results.missing(store, newer, 0, "minigen")
    store["mine"]["minigen"]["0"]["command"] = "vae"
    assert results_page.met(store, ROW, ROW.bars[0]) is None


def test_the_page_shows_every_seed_the_bar_and_both_libraries():
    page = results_page.render(both([{"nats": 104.0}, {"nats": 104.5}], [{"nats": 104.2}]))
    assert "    minigen train vae --data mnist --seed 0|1\n" in page
    assert "| nats | 104.5 (104, 104.5) | 104.2 | <= 105 | yes |" in page
    assert "| minutes | 1.5 | 1.5 |" in page
    assert "| mine | nats | <= 105 | 104.5 | yes |" in page
    assert "Not run yet." in page.partition("## other")[2]


def test_a_run_of_an_older_command_is_not_gone_on_with(tmp_path, monkeypatch):
    """The words of each call are noted in place of being run; a run is a folder with checkpoints."""
    calls = []
    monkeypatch.setattr(results, "RUNS", tmp_path)
    monkeypatch.setattr(results, "call", lambda *words: calls.append(words))
    results.train(ROW, 0, "minigen")
    assert calls[-1][:6] == ("minigen", "train", "vae", "--data", "mnist", "--seed")
    (tmp_path / "mine-0" / "checkpoints").mkdir(parents=True)
    (tmp_path / "mine-0" / "config.toml").touch()
    results.train(ROW, 0, "minigen")
    assert calls[-1][:3] == ("minigen", "train", "--resume")
    results.train(ROW, 0, "torch")
    assert calls[-1][0] == "benchmarks.torch_side"
    results.train(ROW._replace(command="vae"), 0, "minigen")
    assert "--resume" not in calls[-1]
    assert not (tmp_path / "mine-0").exists()
    with pytest.raises(SystemExit, match="measure that first"):
        results.train(ROW, 1, "torch")


def test_the_facades_are_split_before_a_row_that_learns_from_them(tmp_path, monkeypatch):
    calls, photos, runs = [], tmp_path / "facades" / "trainA", tmp_path / "runs"
    photos.mkdir(parents=True)
    for number in (1, 120, 121):
        (photos / f"{number}_A.jpg").touch()
    monkeypatch.setenv("MINIGEN_DATA", str(tmp_path))
    monkeypatch.setattr(results, "RUNS", runs)
    monkeypatch.setattr(results, "call", lambda *words: calls.append(words))
    results.train(ROW._replace(command="inpainting --data {runs}/facades-train"), 0, "minigen")
    assert f"{runs}/facades-train" in calls[-1]
    assert {path.name for path in runs.glob("facades-train/*")} == {"1_A.jpg", "120_A.jpg"}
    assert {path.name for path in runs.glob("facades-test/*")} == {"121_A.jpg"}


def test_a_run_that_went_on_is_timed_as_if_all_had_gone_so_fast(tmp_path, monkeypatch):
    """10 of 40 steps took 3 seconds of the program and 1 of the system."""
    run = tmp_path / "mine-0.5-0"
    run.mkdir()
    (run / "log.jsonl").write_text('{"step": 30}\n')
    clock = iter([(0, 0, 2.0, 5.0, 0), (9, 9, 5.0, 6.0, 100)])
    monkeypatch.setattr(results.os, "times", lambda: os.times_result(next(clock)))
    monkeypatch.setattr(results, "call", lambda *words: (run / "log.jsonl").write_text('{"step": 40}\n'))
    results.timed(run, "minigen", "train")
    assert (tmp_path / "mine-0.5-0.seconds").read_text() == "16.0\n"


def test_first_seeds_of_all_rows_come_before_second_ones(monkeypatch):
    monkeypatch.setattr(results, "ROWS", (ROW, ROW._replace(name="other")))
    store = both([{"nats": 104.0}], [])
    asked = results.parser().parse_args([])
    torch, either = ["torch"], ["minigen", "torch"]
    assert results.wanted(store, asked) == [
        ("mine", 0, torch),
        ("other", 0, either),
        ("mine", 1, either),
        ("other", 1, either),
    ]
    asked = results.parser().parse_args(["--again", "--seeds", "1", "--side", "torch"])
    assert results.wanted(store, asked) == [("mine", 1, torch), ("other", 1, torch)]


def test_of_a_run_that_still_goes_on_there_is_no_picture(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(results, "RUNS", tmp_path)
    monkeypatch.setattr(results, "PICTURES", {"mine-0": "--n 8", "mine-1": "--n 8", "other-0": "--data {runs}/x"})
    monkeypatch.setattr(results, "call", lambda *words: drawn.append(words[2:]))
    for name in ("mine-0", "mine-1", "other-0"):
        (tmp_path / name / "checkpoints").mkdir(parents=True)
    results.draw_pictures({"mine": {"minigen": {"0": {}}, "torch": {"1": {}}}, "other": {"minigen": {"0": {}}}})
    assert [Path(words[0]).name for words in drawn] == ["mine-0", "other-0"]
    assert drawn[1][-1] == f"{tmp_path}/x"


def test_the_rows_are_commands_of_systems_and_their_bars_name_rows():
    names = [row.name for row in ledger.ROWS]
    assert len(set(names)) == len(names)
    for row in ledger.ROWS:
        assert row.is_program or row.command.split()[0] in models.SYSTEMS
        assert {bar.of for bar in row.bars} <= {"", "torch", *names}
    runs = {f"{row.name}-{seed}" for row in ledger.ROWS for seed in row.seeds}
    assert set(ledger.PICTURES) <= runs
