"""What is done with a student's objects where calling a function is not enough: the process of the hand-in runs these.

A driver is given the objects of the exercise by name and plain values, and returns plain values; so a class of
Functions or a little engine can be asked for numbers too.  No right answers are in here: what is returned is compared
elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["DRIVERS", "expression", "function_gradients", "modules", "slopes"]


def expression(objects: Mapping[str, Any], name: str, program: Sequence[Sequence[Any]], leaves: Sequence[float]) -> Any:
    """Evaluate a small program on objects of a student's engine of scalars, and walk back from its last line.

    Parameters
    ----------
    name : str
        The student's class: ``Value(2.0)`` makes a leaf, ``.data`` is its number, ``.grad`` its gradient,
        ``.backward()`` walks.
    program : list of (operation, arguments)
        Lines such as ``["+", 0, 1]``: the numbers are places among the leaves and the lines before it; an argument that
        is a float is a constant.  Operations are + - * / ** neg, functions of the exercise, and methods.
    leaves : list of float
        The inputs.

    Returns
    -------
    list
        The value of the last line, and the gradient of each leaf.
    """
    cells = [objects[name](float(x)) for x in leaves]
    inputs = list(cells)
    for operation, *places in program:
        operands = [cells[p] if type(p) is int else p for p in places]
        cells.append(objects[operation](*operands) if operation in objects else operate(operation, operands))
    cells[-1].backward()
    return [float(cells[-1].data), [float(x.grad) for x in inputs]]


def operate(operation: str, operands: list[Any]) -> Any:
    """Apply one operation."""
    if operation in OPERATIONS:
        return OPERATIONS[operation](*operands)
    return getattr(operands[0], operation)(*operands[1:])


OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "neg": lambda a: -a,
}


def slopes(objects: Mapping[str, Any], name: str, cls: str, x: float) -> Any:
    """Apply a function to a leaf of a student's engine, and read what it recorded.

    Returns
    -------
    list
        The value, and the slopes of the edges that lead to the leaf (``.parents`` holds pairs of value and slope).
    """
    leaf = objects[cls](float(x))
    out = objects[name](leaf)
    return [float(out.data), [float(slope) for parent, slope in out.parents if parent is leaf]]


def function_gradients(
    objects: Mapping[str, Any], name: str, arrays: Sequence[np.ndarray], options: Mapping[str, Any], grad: np.ndarray
) -> Any:
    """Apply a function of Tensors, or a subclass of Function, and walk back from it.

    Parameters
    ----------
    name : str
        The student's function, or class (whose ``apply`` is called).
    arrays : list of array
        The inputs, which all require gradients.
    options : dict
        Keyword arguments.
    grad : array
        The gradient of the output.

    Returns
    -------
    list
        The output, and the gradient of each input.
    """
    from_numpy = objects["minigen"].from_numpy
    thing: Any = objects[name]
    inputs = [from_numpy(np.array(x)).requires_grad_() for x in arrays]
    output = getattr(thing, "apply", thing)(*inputs, **options)
    gradients = objects["minigen"].grad(output, inputs, from_numpy(np.array(grad)), allow_unused=True)
    return [output.detach().numpy(), [None if g is None else g.detach().numpy() for g in gradients]]


def modules(
    objects: Mapping[str, Any],
    name: str,
    options: Mapping[str, Any],
    state: Mapping[str, np.ndarray] | None,
    *inputs: Any,
) -> Any:
    """Make a student's Module, fill its parameters, and call it; the outputs come back, and its parameters' shapes.

    Parameters
    ----------
    name : str
        A class of Modules, or a function that returns one.
    options : dict
        Keyword arguments of the class.
    state : dict of str to array, or None
        Its parameters, by name; by default they stay as they were drawn.
    *inputs : array
        What the module is called with.
    """
    minigen = objects["minigen"]
    before = minigen.get_rng_state()
    minigen.manual_seed(0)  # the same network draws the same parameters
    try:
        module = objects[name](**options)
    finally:
        minigen.set_rng_state(before)
    if state is not None:
        module.load_state_dict({key: minigen.from_numpy(np.array(value)) for key, value in state.items()})
    outputs = module(*(minigen.from_numpy(np.array(x)) for x in inputs))
    several = outputs if isinstance(outputs, tuple | list) else [outputs]
    shapes = {key: list(value.shape) for key, value in module.state_dict().items()}
    return [[y.detach().numpy() for y in several], shapes]


DRIVERS: dict[str, Callable[..., Any]] = {
    "expression": expression,
    "function_gradients": function_gradients,
    "modules": modules,
    "slopes": slopes,
}
