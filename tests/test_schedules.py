"""Schedules of the learning rate: PyTorch step for step, what is stored, and what misuse is told."""

import json
import math
import warnings

import numpy as np
import pytest

import minigen
from minigen import optim
from minigen.optim import lr_scheduler

SGD, ADAM = ("SGD", {"momentum": 0.9}), ("Adam", {})

SCHEDULES = [
    ("StepLR", {"step_size": 7, "gamma": 0.7}),
    ("StepLR", {"step_size": 1}),
    ("MultiStepLR", {"milestones": [30, 10, 10, 80], "gamma": 0.3}),
    ("MultiStepLR", {"milestones": [0, 5]}),
    ("ExponentialLR", {"gamma": 0.97}),
    ("ExponentialLR", {"gamma": 1.02}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.25, "total_iters": 40}),
    ("ConstantLR", {"factor": 1.0, "total_iters": 0}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 60}),
    ("LinearLR", {"start_factor": 1e-3, "total_iters": 33}),
    ("CosineAnnealingLR", {"T_max": 100}),
    ("CosineAnnealingLR", {"T_max": 30, "eta_min": 0.01}),
    ("CosineAnnealingLR", {"T_max": 1}),
    ("CosineAnnealingWarmRestarts", {"T_0": 9}),
    ("CosineAnnealingWarmRestarts", {"T_0": 5, "T_mult": 2, "eta_min": 0.02}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.95**epoch}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 1 / (epoch + 1), lambda epoch: 1 + math.sin(epoch)]}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 100}),
    ("OneCycleLR", {"max_lr": [0.3, 1.0], "epochs": 11, "steps_per_epoch": 10, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 101, "three_phase": True, "pct_start": 0.25, "div_factor": 4}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 120, "pct_start": 0.0, "final_div_factor": 10}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 103, "base_momentum": [0.7, 0.5], "max_momentum": 0.99}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 103, "cycle_momentum": False}),
]
every_schedule = pytest.mark.parametrize(("name", "options"), SCHEDULES, ids=[name for name, _ in SCHEDULES])


def make(library, kind=SGD, start=(1.0, -2.0)):
    """An optimiser of two parameters in two groups with rates of their own."""
    name, options = kind
    params = [library.tensor([v], dtype=library.float64, requires_grad=True) for v in start]
    groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.02}]
    return params, getattr(library.optim, name)(groups, lr=0.1, **options)


def train(params, optimizer, schedule, steps):
    """Descend into a bowl, and return what the rates and the momenta were."""
    seen = []
    for _ in range(steps):
        group = optimizer.param_groups
        seen.append([schedule.get_last_lr(), [g["lr"] for g in group], [momentum_of(g) for g in group]])
        optimizer.zero_grad()
        sum((p * p).sum() for p in params).backward()
        optimizer.step()
        schedule.step()
    return np.array(seen)


def momentum_of(group):
    return group["betas"][0] if "betas" in group else group["momentum"]


def assert_near(ours, theirs):
    np.testing.assert_allclose(np.array(ours, float), np.array(theirs, float), rtol=1e-9, atol=1e-15)


# --- PyTorch as a second opinion ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        *[pytest.param(*case, SGD, id=case[0]) for case in SCHEDULES],
        *[pytest.param(*case, ADAM, id=f"{case[0]} of betas") for case in SCHEDULES if case[0] == "OneCycleLR"],
    ],
)
def test_a_hundred_steps_equal_torch(torch, name, options, kind):
    results = []
    for library in (minigen, torch):
        params, optimizer = make(library, kind)
        schedule = getattr(library.optim.lr_scheduler, name)(optimizer, **options)
        results.append((train(params, optimizer, schedule, 100), [p.item() for p in params], schedule.get_last_lr()))
    for ours, theirs in zip(*results, strict=True):
        assert_near(ours, theirs)


@pytest.mark.parametrize(
    ("parts", "milestones"),
    [
        ([("LinearLR", {"start_factor": 0.1}), ("CosineAnnealingLR", {"T_max": 95})], [5]),
        ([("ConstantLR", {}), ("ExponentialLR", {"gamma": 0.9}), ("StepLR", {"step_size": 9})], [20, 50]),
        ([("LinearLR", {}), ("LambdaLR", {"lr_lambda": lambda t: 1 / (t + 1)})], [7]),
        ([("ExponentialLR", {"gamma": 0.9})], []),
        ([("StepLR", {"step_size": 4}), ("LinearLR", {"start_factor": 0.5})], [0]),
    ],
)
def test_one_schedule_after_the_other(torch, parts, milestones):
    results = []
    for library in (minigen, torch):
        params, optimizer = make(library)
        schedulers = library.optim.lr_scheduler
        chain = [getattr(schedulers, name)(optimizer, **options) for name, options in parts]
        schedule = schedulers.SequentialLR(optimizer, chain, milestones=milestones)
        results.append(train(params, optimizer, schedule, 100))
    assert_near(*results)


def test_two_schedules_on_one_optimiser_multiply(torch):
    results = []
    for library in (minigen, torch):
        _, optimizer = make(library)
        schedulers = library.optim.lr_scheduler
        both = [schedulers.ExponentialLR(optimizer, 0.9), schedulers.StepLR(optimizer, 5, 0.5)]
        rates = []
        for step in range(30):
            optimizer.step()
            for schedule in both:
                schedule.step()
            if step == 11:
                optimizer.param_groups[0]["lr"] *= 3  # by hand: it stays
            rates.append([group["lr"] for group in optimizer.param_groups])
        results.append(rates)
    assert_near(*results)


@pytest.mark.parametrize(
    "options",
    [
        {"patience": 2},
        {"mode": "max", "factor": 0.5, "patience": 0, "cooldown": 3, "threshold": 0.1},
        {"threshold_mode": "abs", "threshold": 0.3, "patience": 1, "min_lr": [0.05, 0.001]},
        {"mode": "max", "threshold_mode": "abs", "threshold": 0.3, "patience": 1, "eps": 1e-3},
    ],
)
def test_a_plateau(torch, options):
    metrics = np.random.default_rng(1).standard_normal(100) + 4
    metrics[50] = math.nan
    results = []
    for library in (minigen, torch):
        _, optimizer = make(library)
        schedule = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        rates = []
        for metric in metrics:
            optimizer.step()
            schedule.step(library.tensor(metric))
            rates.append([schedule.get_last_lr(), [group["lr"] for group in optimizer.param_groups]])
        results.append(rates)
    assert_near(*results)
    assert results[0][-1][0][0] < 0.1


def test_between_two_epochs(torch):
    results = []
    for library in (minigen, torch):
        _, optimizer = make(library)
        schedule = library.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=3, T_mult=2)
        rates = []
        for batch in range(60):
            optimizer.step()
            schedule.step(batch / 4)
            rates.append(schedule.get_last_lr())
        results.append(rates)
    assert_near(*results)


@pytest.mark.parametrize("name", ["StepLR", "LambdaLR"])
def test_going_on_from_a_number(torch, name):
    """`last_epoch` says which step was the last one; the groups bring their rates and their initial rates."""
    options = {"step_size": 4} if name == "StepLR" else {"lr_lambda": lambda epoch: 0.9**epoch}
    results = []
    for library in (minigen, torch):
        params, optimizer = make(library)
        kind = getattr(library.optim.lr_scheduler, name)
        train(params, optimizer, kind(optimizer, **options), 7)
        state = optimizer.state_dict()
        params, optimizer = make(library)
        optimizer.load_state_dict(state)
        resumed = kind(optimizer, last_epoch=7, **options)
        results.append([resumed.get_last_lr(), resumed.last_epoch])
    assert_near(results[0][0], results[1][0])
    assert results[0][1] == results[1][1] == 8


def test_going_on_from_a_number_makes_the_next_step():
    params, optimizer = make(minigen)
    train(params, optimizer, lr_scheduler.CosineAnnealingLR(optimizer, 20), 7)
    resumed = lr_scheduler.CosineAnnealingLR(optimizer, 20, last_epoch=7)
    assert_near(resumed.get_last_lr(), [lr * (1 + math.cos(math.pi * 8 / 20)) / 2 for lr in (0.1, 0.02)])


# --- the rules ----------------------------------------------------------------------------------------------


def test_the_formulas_begin_where_they_say():
    _, optimizer = make(minigen)
    lr_scheduler.LinearLR(optimizer, start_factor=0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.01]
    assert [group["initial_lr"] for group in optimizer.param_groups] == [0.1, 0.02]


def test_a_schedule_of_ones_own():
    class Halving(lr_scheduler.LRScheduler):
        def get_lr(self):
            return [base_lr / (self.last_epoch + 1) for base_lr in self.base_lrs]

    params, optimizer = make(minigen)
    seen = train(params, optimizer, Halving(optimizer), 4)
    assert_near(seen[:, 0, 0], [0.1, 0.05, 0.1 / 3, 0.025])


@every_schedule
def test_a_stored_schedule_goes_on_as_if_it_had_not_stopped(name, options):
    params, optimizer = make(minigen)
    kind = getattr(lr_scheduler, name)
    whole = train(params, optimizer, kind(optimizer, **options), 40)

    params, optimizer = make(minigen)
    schedule = kind(optimizer, **options)
    train(params, optimizer, schedule, 25)
    stored = json.loads(json.dumps(schedule.state_dict()))
    resumed_params, resumed = make(minigen, start=[p.item() for p in params])
    fresh = kind(resumed, **options)
    resumed.load_state_dict(optimizer.state_dict())
    fresh.load_state_dict(stored)
    np.testing.assert_array_equal(train(resumed_params, resumed, fresh, 15), whole[25:])


def test_a_stored_sequence_goes_on():
    def chain(optimizer):
        parts = [lr_scheduler.LinearLR(optimizer), lr_scheduler.ExponentialLR(optimizer, 0.9)]
        return lr_scheduler.SequentialLR(optimizer, parts, [5])

    params, optimizer = make(minigen)
    whole = train(params, optimizer, chain(optimizer), 20)
    params, optimizer = make(minigen)
    schedule = chain(optimizer)
    train(params, optimizer, schedule, 8)
    stored = json.loads(json.dumps(schedule.state_dict()))
    resumed_params, resumed = make(minigen, start=[p.item() for p in params])
    fresh = chain(resumed)
    resumed.load_state_dict(optimizer.state_dict())
    fresh.load_state_dict(stored)
    np.testing.assert_array_equal(train(resumed_params, resumed, fresh, 12), whole[8:])


def test_the_first_rate_is_not_skipped_in_silence():
    _, optimizer = make(minigen)
    schedule = lr_scheduler.StepLR(optimizer, 2)
    with pytest.warns(UserWarning, match=r"StepLR.step\(\) was called before optimizer.step\(\)"):
        schedule.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schedule.step()  # said once


# --- misuse -------------------------------------------------------------------------------------------------

_, optimizer = make(minigen)
adagrad = optim.Adagrad([minigen.zeros(1, requires_grad=True)])


def past_the_end():
    _, optimizer = make(minigen)
    schedule = lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
    for _ in range(11):
        optimizer.step()
        schedule.step()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: lr_scheduler.StepLR(0.1, 5), TypeError, "StepLR: optimizer must be one of minigen.optim, not float"),
        (lambda: lr_scheduler.StepLR(optimizer, 0), ValueError, "StepLR: step_size must be an integer >= 1, not 0"),
        (lambda: lr_scheduler.StepLR(optimizer, 2.5), ValueError, "step_size must be an integer"),
        (lambda: lr_scheduler.StepLR(optimizer, 5, -1), ValueError, "gamma must be a number at least 0, not -1"),
        (lambda: lr_scheduler.StepLR(optimizer, 5, math.nan), ValueError, "gamma.*nan"),
        (lambda: lr_scheduler.StepLR(adagrad, 5, last_epoch=3), ValueError, 'its "initial_lr"; load the optimizer'),
        (lambda: lr_scheduler.MultiStepLR(optimizer, [3, -1]), ValueError, "a milestone must be an integer >= 0"),
        (lambda: lr_scheduler.ExponentialLR(optimizer, "0.9"), ValueError, "gamma.*'0.9'"),
        (lambda: lr_scheduler.ConstantLR(optimizer, 2), ValueError, "factor must be a number from 0 to 1, not 2"),
        (lambda: lr_scheduler.LinearLR(optimizer, 0), ValueError, "start_factor must be above 0"),
        (lambda: lr_scheduler.LinearLR(optimizer, total_iters=0), ValueError, "total_iters"),
        (lambda: lr_scheduler.LambdaLR(optimizer, 0.5), TypeError, "lr_lambda must be a function"),
        (lambda: lr_scheduler.LambdaLR(optimizer, [math.exp]), ValueError, "1 entries, but the optimizer 2 parameter"),
        (lambda: lr_scheduler.CosineAnnealingLR(optimizer, 0), ValueError, "T_max"),
        (lambda: lr_scheduler.CosineAnnealingLR(optimizer, 5, -1), ValueError, "eta_min"),
        (lambda: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 5, 0), ValueError, "T_mult"),
        (lambda: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 5).step(-1), ValueError, "epoch must be"),
        (
            lambda: lr_scheduler.OneCycleLR(optimizer, 0.1),
            ValueError,
            "give total_steps, or epochs and steps_per_epoch",
        ),
        (lambda: lr_scheduler.OneCycleLR(optimizer, 0.1, 0), ValueError, "total_steps"),
        (lambda: lr_scheduler.OneCycleLR(optimizer, 0.1, 10, pct_start=2), ValueError, "pct_start.*from 0 to 1, not 2"),
        (lambda: lr_scheduler.OneCycleLR(optimizer, 0.1, 10, pct_start=0.1), ValueError, "a phase has no step"),
        (lambda: lr_scheduler.OneCycleLR(optimizer, 0.1, 10, anneal_strategy="sin"), ValueError, "'cos', 'linear'"),
        (lambda: lr_scheduler.OneCycleLR(optimizer, 0.1, 10, div_factor=0), ValueError, "must be above 0"),
        (lambda: lr_scheduler.OneCycleLR(optimizer, -0.1, 10), ValueError, "max_lr must be a number at least 0"),
        (lambda: lr_scheduler.OneCycleLR(optimizer, [0.1], 10), ValueError, "max_lr has 1 entries"),
        (lambda: lr_scheduler.OneCycleLR(optimizer, 0.1, 10, max_momentum=2), ValueError, "max_momentum"),
        (
            lambda: lr_scheduler.OneCycleLR(adagrad, 0.1, 10),
            ValueError,
            "Adagrad has no momentum.*cycle_momentum=False",
        ),
        (past_the_end, ValueError, "step 11 is past the end of the cycle of total_steps=10; call step.. once a batch"),
        (lambda: lr_scheduler.SequentialLR(optimizer, [], []), ValueError, "0 schedules and 0 milestones"),
        (lambda: lr_scheduler.SequentialLR(optimizer, [3], []), ValueError, "entry 0, a int, cannot take turns"),
        (
            lambda: lr_scheduler.SequentialLR(optimizer, [lr_scheduler.ReduceLROnPlateau(optimizer)], []),
            ValueError,
            "entry 0, a ReduceLROnPlateau, cannot take turns",
        ),
        (
            lambda: lr_scheduler.SequentialLR(optimizer, [lr_scheduler.StepLR(adagrad, 1)], []),
            ValueError,
            "schedule 0, a StepLR, has another optimizer",
        ),
        (lambda: lr_scheduler.ReduceLROnPlateau(optimizer, "low"), ValueError, "mode='low' is not one of 'min', 'max'"),
        (lambda: lr_scheduler.ReduceLROnPlateau(optimizer, factor=1.0), ValueError, "factor"),
        (lambda: lr_scheduler.ReduceLROnPlateau(optimizer, min_lr=[0]), ValueError, "min_lr has 1 entries"),
        (
            lambda: lr_scheduler.StepLR(optimizer, 5).load_state_dict(lr_scheduler.LinearLR(adagrad).state_dict()),
            ValueError,
            r"StepLR: the state_dict has no \['gamma', 'step_size'\]: it is another schedule's",
        ),
        (lambda: lr_scheduler.StepLR(optimizer, 5).load_state_dict(None), ValueError, "another schedule's"),
        (lambda: lr_scheduler.LRScheduler(optimizer), NotImplementedError, r"has no get_lr\(\)"),
    ],
)
def test_misuse_is_told_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call()
