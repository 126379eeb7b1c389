"""Exercises of chapter 3: the order of the walk, an engine of scalars, a function more for it."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import expect, expect_that
from minigen.course.drivers import OPERATIONS
from minigen.course.exercise import Chapter, Exercise, Part, Wrong

# ---- 3.1 ----------------------------------------------------------------------------------------------------------


def _look_at_order(order, parents, last):
    """Raise unless an order begins with the last, has everything once, and children before their parents."""
    expect_that(isinstance(order, list | tuple), f"it should return a list, not a {type(order).__name__}")
    order = [int(number) for number in np.asarray(order).ravel()]
    needed, to_do = {last}, [last]
    while to_do:
        fresh = [p for p in parents[to_do.pop()] if p not in needed]
        needed.update(fresh)
        to_do += fresh
    expect_that(order[:1] == [last], f"the order should begin with {last}, but is {order[:6]}")
    twice = [number for number in set(order) if order.count(number) > 1] if len(order) < 1000 else []
    expect_that(not twice, f"number {twice[:1]} is in the order {order[:12]} more than once")
    strange = sorted(set(order) ^ needed)
    expect_that(
        not strange, f"number {strange[:1]} is {'missing' if strange and strange[0] in needed else 'not needed'}"
    )
    place = {number: i for i, number in enumerate(order)}
    for number in order:
        early = [p for p in parents[number] if place[p] < place[number]]
        expect_that(not early, f"{early[:1]} comes before {number}, which was made from it; parents = {parents[:12]}")


def _random_graph(draw, count):
    """Draw the parents of each number, at most three, all smaller; some numbers nobody needs."""
    return [[int(p) for p in draw.integers(0, i, draw.size(0, 3))] if i else [] for i in range(count)]


def _order(answer, draw):
    for _ in range(8):
        parents = _random_graph(draw, draw.size(6, 12))
        last = len(parents) - 1
        _look_at_order(answer(parents, last), parents, last)


def _relabelled(answer, draw):
    """Numbers that say nothing about the order."""
    for _ in range(4):
        plain, count = _random_graph(draw, 9), 9
        names = [int(n) for n in draw.rng.permutation(count)]
        parents = [[] for _ in range(count)]
        for number, some in enumerate(plain):
            parents[names[number]] = [names[p] for p in some]
        _look_at_order(answer(parents, names[-1]), parents, names[-1])


def _long(answer, draw):
    """A chain of doublings: 2**1500 paths, 1,500 deep."""
    count = 1500
    parents = [[i - 1, i - 1] if i else [] for i in range(count)]
    _look_at_order(answer(parents, count - 1), parents, count - 1)


ORDER = Exercise(
    name="walk_order",
    task="an order in which everything comes after all that was made from it",
    parts=[
        Part("order", 2, _order),
        Part("any names", 1, _relabelled, "The numbers are only names: look at who was made from whom."),
        Part("long chain", 1, _long, "No recursion, and nothing that follows every path by itself."),
    ],
    wrong=[
        Wrong(
            {"if uses[parent] == 0:": "if parent not in order:"},
            "A number is walked as soon as one of its users was. Wait until the last user has been walked.",
        ),
        Wrong(
            {"uses[parent] = 0": "uses[parent] = -1"},
            "Count every user from 0 on; this count is 0 before the last user has been walked.",
        ),
        Wrong(
            {"return order": "return order[::-1]"},
            "This is the order of the forward pass. The walk back begins with the last number.",
        ),
        Wrong(
            {"return order": "return sorted(order, reverse=True)"},
            "Sorting by number works only where larger numbers were made later. Look at the parents instead.",
        ),
    ],
)

# ---- 3.2 ----------------------------------------------------------------------------------------------------------


def _run(answer, program, leaves):
    """Ask for the value of a program and for its gradients."""
    return answer.drive("expression", "Value", program, leaves)


def _forward(program, leaves):
    """Evaluate a program on plain numbers (complex ones, too)."""
    cells = list(leaves)
    for operation, *places in program:
        a, *rest = [cells[p] if type(p) is int else p for p in places]
        b = rest[0] if rest else 0.0
        cells.append(OPERATIONS[operation](a, b))
    return cells[-1]


def _true_gradients(program, leaves):
    """Differentiate by complex steps, exact to the last digits: Im f(x + ih) / h."""
    h = 1e-30
    return [
        _forward(program, [x + 1j * h * (i == k) for i, x in enumerate(leaves)]).imag / h for k in range(len(leaves))
    ]


def _random_program(draw, leaves):
    """Draw eight lines, each of which uses what was made just before and something older."""
    program, count = [], leaves
    for _ in range(8):
        operation = ["+", "*", "-", "**"][draw.size(0, 3)]
        older = draw.size(0, count - 1)
        program.append([operation, count - 1, 2.0] if operation == "**" else [operation, count - 1, older])
        if operation == "**":  # keep the numbers small
            program.append(["*", count, 0.3])
            count += 1
        count += 1
    return program


def _value(answer, draw):
    leaves = [draw.number(0.5, 1.5), draw.number(0.5, 1.5)]
    for program in ([["+", 0, 1]], [["*", 0, 1]], [["**", 0, 3.0]], [["*", 0, 2.5]]):
        value, _ = _run(answer, program, leaves)
        expect(value, _forward(program, leaves), f"the value of {program[0][0]}")


def _one_path(answer, draw):
    leaves = [draw.number(0.5, 1.5), draw.number(-1.5, -0.5)]
    for program in ([["+", 0, 1]], [["*", 0, 1]], [["**", 0, 3.0]], [["*", 0, 2.5], ["+", 2, 1]]):
        _, grads = _run(answer, program, leaves)
        expect(grads, _true_gradients(program, leaves), f"the gradients of {program}")


def _many_paths(answer, draw):
    for program in ([["+", 0, 0]], [["*", 0, 0], ["*", 2, 0], ["+", 3, 2], ["*", 4, 1]]):
        leaves = [draw.number(0.5, 1.5), draw.number(0.5, 1.5)]
        expect(_run(answer, program, leaves)[1], _true_gradients(program, leaves), f"the gradients of {program}")
    for _ in range(5):
        leaves = [draw.number(0.5, 1.0) for _ in range(3)]
        program = _random_program(draw, 3)
        expect(_run(answer, program, leaves)[1], _true_gradients(program, leaves), f"the gradients of {program}")


def _deep(answer, draw):
    """Twelve hundred doublings of a half: no recursion, no listing of paths."""
    program = []
    for i in range(1200):
        program += [["*", 2 * i, 0.5], ["+", 2 * i + 1, 2 * i + 1]]
    leaf = draw.number(0.5, 1.5)
    value, grads = _run(answer, program, [leaf])
    expect(value, leaf, "the value of a long chain")
    expect(grads, [1.0], "its gradient")


VALUE = Exercise(
    name="Value",
    task="an engine of scalars: +, *, ** and backward",
    parts=[
        Part("forward", 1, _value),
        Part("one path", 2, _one_path),
        Part("many paths", 3, _many_paths),
        Part("long chain", 1, _deep, "Recursion ends after a thousand calls. Keep a list of what is still to do."),
    ],
    wrong=[
        Wrong(
            {"parent.grad += found": "parent.grad = found"},
            "Gradients must be added: a value that is used twice collects twice.",
        ),
        Wrong(
            {"[(self, other.data), (other, self.data)]": "[(self, self.data), (other, other.data)]"},
            "In a product each factor has the other one as its slope.",
        ),
        Wrong(
            {"sorted(found, reverse=True)": "sorted(found)"},
            "The walk goes from the first value to the last; it must begin at the end.",
        ),
        Wrong(
            {"        self.grad = 1.0\n": ""},
            "Nothing starts the walk: the slope of the last value with respect to itself is 1.",
        ),
        Wrong(
            {"sorted(found, reverse=True)": "list(found)"},
            "A value hands on its gradient before all its users have given theirs: walk in the order of the numbers.",
        ),
        Wrong({"n * self.data ** (n - 1)": "n * self.data"}, "The slope of x**n is n * x**(n-1)."),
    ],
)

# ---- 3.3 ----------------------------------------------------------------------------------------------------------


def _leaky(index, about):
    def part(answer, draw):
        leak = draw.constants["LEAK"]
        for x in (draw.number(0.3, 2), -draw.number(0.3, 2)):
            want = (x, [1.0]) if x > 0 else (leak * x, [leak])
            expect(answer.drive("slopes", "leaky", "Value", x)[index], want[index], f"{about} at x = {x:.3f}")

    return part


LEAKY = Exercise(
    name="leaky",
    task="x where it is positive, LEAK * x elsewhere, as a Value that knows its slope",
    names=("Value",),
    constants={"LEAK": (0.1, 0.05, 0.15, 0.2, 0.25, 0.3)},
    parts=[Part("forward", 1, _leaky(0, "the value")), Part("slope", 1, _leaky(1, "the slopes"))],
    wrong=[
        Wrong(
            {"return Value(slope * x.data, [(x, slope)])": "return Value(slope * x.data)"},
            "The value has no parents, so nothing flows back: give it [(x, slope)].",
        ),
        Wrong(
            {"[(x, slope)]": "[(x, slope * x.data)]"},
            "This is the value once more. The slope is 1 or LEAK, whatever x is.",
        ),
        Wrong({"if x.data > 0": "if x.data < 0"}, "The two sides are exchanged: positive numbers pass unchanged."),
        Wrong({"else LEAK": "else 0.0"}, "This is relu. A leaky one lets LEAK of the negative side through."),
    ],
)

CHAPTER = Chapter(
    number=3,
    name="engine",
    title="The engine in 60 lines",
    hours=2.5,
    needs=(1, 2),
    exercises=[ORDER, VALUE, LEAKY],
)
