"""The engine: functions that remember how they were applied, and the walk back through them.

A `Function` applied to tensors is one node of the graph: it knows its inputs, and its output knows it
(``output.grad_fn``).  `grad` and `backward` visit the nodes from the last call to the first and hand each one
the gradient of its output; the node answers with the gradients of its inputs.  Because ``backward`` is
written with tensors, its own calls can be recorded too: there are gradients of gradients, of any order.

The engine imports no Tensor: it knows tensors by their attributes only (``array``, ``requires_grad``,
``grad_fn``, ``grad`` and a few private ones), and it knows no mathematics.
"""

from __future__ import annotations

import heapq
import itertools
import weakref
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigen.backend import Array, OutOfMemoryError, array_module, device_of, in_memory_order
from minigen.modes import differentiating, enable_grad, ignored, no_grad, numpy_errors, observers, recording

Tensor = Any  # the engine must not know the class; see the opening paragraph


# --- functions ----------------------------------------------------------------------------------------------

# What the engine itself keeps in a call, so that no option can have these names.
_RESERVED = frozenset(
    ("apply", "forward", "backward", "backward_arrays", "reads", "view", "pointwise", "inputs", "output", "order")
)


class Function:
    """One application of a differentiable function: a node of the graph.

    A subclass writes two methods:

    ``forward(self, *arrays)``
        arrays in, array out (NumPy or CuPy, one text for both).
    ``backward(self, grad)``
        the gradient with respect to the output in, the gradients with respect to the inputs out, one for each
        (None where there is none): Tensors, computed with differentiable operations only.

    Tensors are positional, options are keywords and become attributes: ``Scale.apply(x, factor=3.0)``.  A
    function has one output; what would have two is written as two functions, or as one whose output is their
    concatenation.

    Because ``backward`` speaks Tensor, gradients of gradients exist.  It may use ``grad``, ``self.inputs``,
    ``self.output`` and constants (options, shapes, masks, indices), but no *array* that ``forward`` computed
    from its inputs: the derivative through that array would be lost in silence.

    Where time can be saved, a subclass adds ``backward_arrays(self, grad)``, the same on raw arrays; the
    engine takes it when nothing is being recorded, and there arrays kept by ``forward`` may be used.

    Attributes
    ----------
    inputs : tuple of Tensor
        What the function was applied to; None once the graph has been freed.
    needs_input_grad : tuple of bool
        Set before ``backward`` is called: which gradients somebody will use.
    view : bool
        Class attribute: True where ``forward`` may return a view of its first input.
    pointwise : bool
        Class attribute: True where each number of the result depends on the numbers at its own place alone, and no
        option is an array.  Such a function keeps the layout of its input on devices whose functions do not.

    Examples
    --------
    >>> import minigen
    >>> class Cube(minigen.Function):
    ...     def forward(self, x):
    ...         return x**3
    ...     def backward(self, grad):
    ...         (x,) = self.inputs
    ...         return grad * 3 * x**2
    >>> x = minigen.tensor(2.0, requires_grad=True)
    >>> minigen.grad(Cube.apply(x), x)[0].item()
    12.0
    """

    view = False
    pointwise = False
    backward_arrays: Any = None
    inputs: Any = None
    _versions: list[int]
    _freed: list[tuple[weakref.ref, Function | None]]
    _output: Any
    needs_input_grad: tuple[bool, ...] = ()
    order = 0
    _calls = itertools.count(1)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # options become attributes

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("forward", "backward"):
            if isinstance(cls.__dict__.get(name), (staticmethod, classmethod)):
                raise TypeError(
                    f"{cls.__name__}.{name} is a static method, as in PyTorch; here the node itself takes the "
                    "place of ctx: write `def forward(self, x)` and `def backward(self, grad)`, read self.inputs "
                    "instead of ctx.saved_tensors, and keep options as attributes of self"
                )

    @classmethod
    def apply(cls, *inputs: Tensor, **options: Any) -> Any:
        """Compute the function's value and, where an input requires grad, remember the call."""
        call = cls()
        if options:
            call._take(options)
        try:
            arrays = [tensor.array for tensor in inputs]
            first = inputs[0]
        except (AttributeError, IndexError):
            raise _not_tensors(cls.__name__, inputs) from None
        kind = type(arrays[0])
        for array in arrays:
            if type(array) is not kind:
                raise _mixed_devices(cls.__name__, arrays)

        token = numpy_errors.set(ignored)
        try:
            as_it_is = kind is np.ndarray or not cls.pointwise
            array = call.forward(*arrays) if as_it_is else in_memory_order(call.forward, arrays)
        except MemoryError as error:
            raise _too_large(cls.__name__, arrays, error) from None
        finally:
            numpy_errors.reset(token)
        if type(array) is not kind:
            array = _as_array(cls.__name__, array, arrays[0])
        output = first._wrap(array)
        if cls.view and array_module(array).may_share_memory(array, arrays[0]):
            output._counter = first._counter

        if recording.get():
            call._record(inputs, output)
        for observer in observers.get():
            observer.forward(call, inputs, output)
        return output

    def _take(self, options: dict[str, Any]) -> None:
        if not _RESERVED.isdisjoint(options):
            raise _reserved(type(self).__name__, options)
        self.__dict__.update(options)

    def _record(self, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Become a node of the graph, if a gradient can come this way."""
        for tensor in inputs:
            if tensor.requires_grad:
                break
        else:
            return
        self.inputs = inputs
        self._versions = [x._counter[0] for x in inputs]
        self._versions.append(output._counter[0])
        self._output = weakref.ref(output)  # weak: no cycle, a graph dies with its last user
        self.order = next(Function._calls)
        output._made_by(self)

    def __call__(self, *inputs: Tensor, **options: Any) -> Any:
        """Refuse, and show how a function is applied."""
        name = type(self).__name__
        raise TypeError(
            f"{name}()(...): an object of {name} is one call of the function, not the function; "
            f"write {name}.apply(...), with tensors by position and options by keyword"
        )

    @staticmethod
    def calls_so_far() -> int:
        """Return a number that lies between those of the calls made before and after: see ``order``."""
        return next(Function._calls)

    @property
    def output(self) -> Any:
        """The tensor that this call made."""
        return self._output()

    def forward(self, *arrays: Array) -> Array:
        """Compute the output array from the input arrays."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, *arrays)")

    def backward(self, grad: Tensor) -> Any:
        """Return the gradient with respect to each input, given the one with respect to the output."""
        raise NotImplementedError(f"{type(self).__name__} must define backward(self, grad)")

    def reads(self) -> Sequence[int]:
        """Which inputs' *values* ``backward`` reads, by index; -1 is the output.  Default: every input.

        These may not change between forward and backward, and a call that reads none survives the freeing of
        its graph.
        """
        return range(len(self.inputs or ()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def _sources(self) -> list[tuple[Tensor | None, Function | None]]:
        """The inputs, each with the call that made it; after freeing, those that are still alive."""
        if self.inputs is None:
            return [(tensor(), call) for tensor, call in self._freed]
        return [(tensor, tensor.grad_fn) for tensor in self.inputs]

    def _free(self) -> None:
        """Forget everything but the place in the graph."""
        order = self.order
        freed = [(weakref.ref(tensor), tensor.grad_fn) for tensor in self.inputs if tensor.requires_grad]
        self.__dict__.clear()
        self.order, self._freed = order, freed

    def _check_versions(self) -> None:
        """Refuse to use values that changed since the call was made."""
        for i in self.reads():
            tensor = self.output if i == -1 else self.inputs[i]
            if tensor._counter[0] != self._versions[i]:
                raise _changed(self, tensor, i)


def _not_tensors(name: str, inputs: tuple) -> TypeError:
    if not inputs:
        return TypeError(f"{name}.apply needs at least one tensor")
    i, wrong = next((i, x) for i, x in enumerate(inputs) if not hasattr(x, "array"))
    return TypeError(
        f"{name}: argument {i} is of type {type(wrong).__name__}, but a Tensor is wanted; make one with "
        "minigen.tensor(data) (tensors are positional, options go by keyword)"
    )


def _too_large(name: str, arrays: list[Array], error: MemoryError) -> OutOfMemoryError:
    shapes = ", ".join(str(array.shape) for array in arrays)
    return OutOfMemoryError(f"{name}: the result of inputs of shapes {shapes} does not fit into memory: {error}")


def _reserved(name: str, options: dict) -> TypeError:
    taken = ", ".join(repr(option) for option in options if option in _RESERVED)
    return TypeError(f"{name}.apply: an option cannot be called {taken}, a name that every Function uses; rename it")


def _as_array(name: str, value: Any, example: Array) -> Array:
    """Accept what ``forward`` returned if it is an array of another kind (moved, or NumPy's scalar), or refuse it."""
    if isinstance(value, np.generic):  # NumPy's reductions return scalars
        return array_module(example).asarray(value)
    if isinstance(value, tuple):
        what = f"a tuple of {len(value)}, but a Function has one output: write one Function for each, or join them"
    elif value is None:
        what = "None: is a `return` missing?"
    elif hasattr(value, "grad_fn"):
        what = "a Tensor: forward is given arrays and returns an array; only backward speaks Tensor"
    elif hasattr(value, "dtype") and hasattr(value, "shape"):
        return value  # moved to another device; Tensor refuses what no library knows
    else:
        what = f"a {type(value).__name__}: make it an array first, with array_module(x).asarray(...)"
    raise TypeError(f"{name}.forward returned {what}")


def _mixed_devices(name: str, arrays: list) -> RuntimeError:
    places = ", ".join(f"argument {i} is on {device_of(a)}" for i, a in enumerate(arrays))
    return RuntimeError(f"{name}: all tensors must be on one device, but {places}; move them with .to(device)")


def _changed(call: Function, tensor: Tensor, i: int) -> RuntimeError:
    what = "its output" if i == -1 else f"its input {i}"
    name = f" '{tensor.name}'" if getattr(tensor, "name", None) else ""
    return RuntimeError(
        f"{type(call).__name__}: {what}{name} of shape {tensor.shape} was changed in place between forward "
        "and backward (by an optimizer's step, copy_ or another in-place operation), so its gradient would "
        "be wrong; call backward() before the change, or compute the forward pass again after it"
    )


# --- the walk back ------------------------------------------------------------------------------------------


class _Arrival:
    """The gradient that has reached a tensor so far.  Holds the tensor, so that its id stays its own.

    ``summed`` says that the walk itself allocated the array: only then are further gradients added in place.
    ``private`` says that no tensor of the graph shares its memory: only then may a leaf keep it as its ``.grad``.
    """

    __slots__ = ("grad", "private", "summed", "tensor")

    def __init__(self, tensor: Tensor, grad: Tensor, private: bool) -> None:
        self.tensor, self.grad, self.private, self.summed = tensor, grad, private, False

    def add(self, grad: Tensor) -> None:
        if self.summed and not recording.get():
            mine = self.grad.array
            array_module(mine).add(mine, grad.array, out=mine)
        else:
            self.grad = self.grad + grad
            self.private = self.summed = True

    def run_hooks(self) -> None:
        for hook in list((self.tensor._hooks or {}).values()):
            replaced = hook(self.grad)
            if replaced is not None:
                _check_gradient(replaced, self.tensor, "a hook")
                self.grad, self.private = replaced, False


class _Walk:
    """One pass back through the graph.

    Parameters
    ----------
    targets : list of Tensor or None
        The tensors whose gradients are wanted; None means all leaves (and tensors that retain their grad).
    beyond : bool
        Whether to go on below a target: False gives partial derivatives, in which no target depends on another.
    """

    def __init__(self, outputs, seeds, targets, create_graph, retain_graph, beyond=True):
        self.targets = None if targets is None else {id(t) for t in targets}
        self.useful = None if self.targets is None else _calls_leading_to(self.targets, outputs, beyond)
        self.create_graph, self.retain_graph = create_graph, retain_graph
        self.observers = observers.get()
        self.reached: dict[int, _Arrival] = {}
        self.found: dict[int, _Arrival] = {}
        self.queue: list[tuple[int, Tensor]] = []  # ordered by call number, the latest first
        before = recording.get()
        recording.set(create_graph)
        try:
            for tensor, seed in zip(outputs, seeds, strict=True):
                self._receive(tensor, seed, private=False)
            while self.queue:
                self._visit(heapq.heappop(self.queue)[1])
            for arrival in self.reached.values():  # only leaves are left
                self._settle(arrival)
        finally:
            recording.set(before)

    def _receive(self, tensor: Tensor, grad: Tensor, private: bool) -> None:
        arrival = self.reached.get(id(tensor))
        if arrival is not None:
            arrival.add(grad)
            return
        self.reached[id(tensor)] = _Arrival(tensor, grad, private)
        if tensor.grad_fn is not None:
            heapq.heappush(self.queue, (-tensor.grad_fn.order, tensor))

    def _settle(self, arrival: _Arrival) -> None:
        """The gradient of this tensor is complete: run its hooks, and keep it if somebody wants it."""
        tensor = arrival.tensor
        if tensor._hooks:
            arrival.run_hooks()
        kept_by_itself = tensor.grad_fn is None or tensor.retains_grad
        if kept_by_itself if self.targets is None else id(tensor) in self.targets:
            self.found[id(tensor)] = arrival

    def _visit(self, tensor: Tensor) -> None:
        """Hand the complete gradient of ``tensor`` to the call that made it, and pass on what it returns."""
        arrival = self.reached.pop(id(tensor))
        self._settle(arrival)
        call, grad = tensor.grad_fn, arrival.grad
        if self.useful is not None and call not in self.useful:
            return
        inputs = call.inputs
        if inputs is None:
            raise _freed(call)
        call._check_versions()
        call.needs_input_grad = tuple([self._needs(x) for x in inputs])
        grads = self._observed(call, grad) if self.observers else self._gradients(call, grad)
        for i, (x, g) in enumerate(zip(inputs, grads, strict=True)):
            if g is None or not call.needs_input_grad[i]:
                continue
            _check_gradient(g, x, f"{type(call).__name__}.backward")
            private = x.grad_fn is None and _is_private(g, (grad, tensor, *inputs, *grads[:i], *grads[i + 1 :]))
            self._receive(x, g, private)
        for observer in self.observers:
            observer.backward(call, grad, grads)
        if not self.retain_graph and call.reads():
            call._free()

    def _needs(self, x: Tensor) -> bool:
        if self.targets is None or self.useful is None:
            return x.requires_grad
        return id(x) in self.targets or x.grad_fn in self.useful

    def _observed(self, call: Function, grad: Tensor) -> tuple:
        """The same, but what is computed meanwhile can be told from what the program computes."""
        token = differentiating.set(call)
        try:
            return self._gradients(call, grad)
        finally:
            differentiating.reset(token)

    def _gradients(self, call: Function, grad: Tensor) -> tuple:
        """Call ``backward``, or its first-order shortcut where nothing records, and check the number."""
        if call.backward_arrays is not None and not self.create_graph:
            grads = tuple([None if a is None else grad._wrap(a) for a in call.backward_arrays(grad.array)])
        else:
            grads = call.backward(grad)
            if grads is None:
                raise _returned_none(call)
            if not isinstance(grads, tuple):
                grads = (grads,)
        if len(grads) != len(call.inputs):
            raise RuntimeError(
                f"{type(call).__name__}.backward returned {len(grads)} gradients for {len(call.inputs)} "
                "inputs; return one for each, None where there is none"
            )
        return grads


def _calls_leading_to(targets: set[int], outputs: Sequence[Tensor], beyond: bool) -> set[Function]:
    """The calls through which a gradient must pass on its way from ``outputs`` to the targets."""
    calls: set[Function] = set()
    stack = [output.grad_fn for output in outputs if beyond or id(output) not in targets]
    while stack:
        call = stack.pop()
        if call is not None and call not in calls:
            calls.add(call)
            stack.extend([maker for tensor, maker in call._sources() if beyond or id(tensor) not in targets])
    useful: set[Function] = set()
    for call in sorted(calls, key=lambda c: c.order):  # earliest first: inputs before what uses them
        if any(id(tensor) in targets or maker in useful for tensor, maker in call._sources()):
            useful.add(call)
    return useful


def _returned_none(call: Function) -> RuntimeError:
    nones = ", ".join(["None"] * len(call.inputs))
    return RuntimeError(
        f"{type(call).__name__}.backward returned None: is a `return` missing? (That there is no gradient is said by "
        f"`return ({nones}{',' * (len(call.inputs) == 1)})`, one None for each input.)"
    )


def _freed(call: Function) -> RuntimeError:
    return RuntimeError(
        f"backward a second time through {type(call).__name__}, whose graph was freed by the first; "
        "compute the forward pass again, or give retain_graph=True to the first backward"
    )


def _check_gradient(g: Tensor, x: Tensor, source: str) -> None:
    if isinstance(g, list):
        raise TypeError(f"{source} returned a list; return one Tensor, or a tuple with one for each input")
    if not hasattr(g, "array"):
        raise TypeError(
            f"{source} returned a {type(g).__name__} where a Tensor is wanted: "
            "compute gradients with Tensor operations, so that they can be differentiated again"
        )
    if g.shape != x.shape or g.dtype != x.dtype:
        raise RuntimeError(
            f"{source} returned a gradient of shape {g.shape} and dtype {g.dtype} "
            f"for an input of shape {x.shape} and dtype {x.dtype}; the two must agree{_remedy(g, x)}"
        )


def _remedy(g: Tensor, x: Tensor) -> str:
    """What probably went wrong with a gradient's shape or dtype."""
    if g.shape == x.shape:
        return f": cast it, grad.to({x.dtype})"
    if g.shape == x.shape[::-1]:
        return ": it is transposed, .mT turns it"
    padded = (1,) * (len(g.shape) - len(x.shape)) + tuple(x.shape)
    if len(padded) == len(g.shape) and all(n in (1, m) for n, m in zip(padded, g.shape, strict=True)):
        return ": forward broadcasts this input, so its gradient is summed over the repeats, grad.sum_to_size(x.shape)"
    return ""


def _is_private(grad: Tensor, others: Iterable[Tensor | None]) -> bool:
    """True if none of the other tensors shares memory with ``grad``."""
    share = array_module(grad.array).may_share_memory
    return not any(other is not None and share(grad.array, other.array) for other in others)


# --- what people call ---------------------------------------------------------------------------------------


def _seeds(name: str, outputs: list, grad_outputs: list) -> list[Tensor]:
    """Check where a walk is to start; fill in 1 for scalars without a given gradient."""
    if len(outputs) != len(grad_outputs):
        raise ValueError(f"{name}: {len(outputs)} outputs, but {len(grad_outputs)} gradients for them")
    seeds = []
    for output, seed in zip(outputs, grad_outputs, strict=True):
        if not hasattr(output, "grad_fn"):
            raise TypeError(f"{name}: a {type(output).__name__} is no Tensor, so it has no gradient")
        if not output.requires_grad:
            raise RuntimeError(
                f"{name}: this tensor of shape {output.shape} does not require grad: nothing it was computed "
                "from does, or it was made under no_grad() or by detach()"
            )
        if seed is None:
            if output.array.size != 1:
                how = "backward(gradient=...)" if name == "backward" else "grad_outputs"
                raise RuntimeError(
                    f"{name}: a gradient starts from one number, but this tensor has shape {output.shape}; "
                    f"reduce it first (.sum() or .mean()), or say how each element counts with {how}"
                )
            seed = output._wrap(array_module(output.array).ones_like(output.array))
        elif not hasattr(seed, "array"):
            raise TypeError(
                f"{name}: a {type(seed).__name__} was given as the gradient of an output; it must be a Tensor of the "
                f"output's shape {output.shape}"
            )
        elif seed.shape != output.shape or seed.dtype != output.dtype:
            raise ValueError(
                f"{name}: the given gradient is {seed.shape} {seed.dtype}, "
                f"but the output is {output.shape} {output.dtype}"
            )
        seeds.append(seed)
    return seeds


def _as_list(tensors: Any) -> list:
    """Make a list of one tensor, or of several: a list, a ParameterList, a generator."""
    several = isinstance(tensors, Iterable) and not hasattr(tensors, "shape")  # an array is one
    return list(tensors) if several else [tensors]


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple:
    r"""Return the gradients of ``outputs`` with respect to ``inputs``, and leave every ``.grad`` alone.

    With outputs :math:`y_k` and weights :math:`v_k`, the gradient for an input x is
    :math:`\sum_k v_k \, \partial y_k / \partial x`.

    Parameters
    ----------
    outputs, inputs : Tensor or sequence of Tensor
        Inputs may be leaves or tensors in the middle of the graph.
    grad_outputs : Tensor or sequence of Tensor or None, optional
        The weights v, of the outputs' shapes; may be left out for outputs of one element (then 1).
    retain_graph : bool, optional
        Keep the graph for a further walk.  Default: the value of ``create_graph``.
    create_graph : bool, default False
        Record the computation of the gradients, so that they can be differentiated again.
    only_inputs : bool, default True
        Only True is possible, as in PyTorch; `backward` is what fills ``.grad``.
    allow_unused : bool, optional
        Return None for an input that the outputs do not depend on, instead of raising.  Default: the value of
        ``materialize_grads``.
    materialize_grads : bool, default False
        Return zeros instead of that None.

    Returns
    -------
    tuple of Tensor
        One gradient for each input, of its shape and dtype.

    Raises
    ------
    RuntimeError
        If an output does not require grad, is not scalar and has no weight, does not depend on an input, or if the
        graph on the way to the inputs was freed or something that it reads was changed in place.
    TypeError, ValueError
        If something is no Tensor, or a weight has another shape or dtype than its output.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.tensor(3.0, requires_grad=True)
    >>> (slope,) = minigen.grad(x**3, x, create_graph=True)
    >>> slope.item(), minigen.grad(slope, x)[0].item()
    (27.0, 18.0)
    """
    if not only_inputs:
        raise ValueError("grad: only_inputs=False is not possible; call .backward() to fill .grad of all leaves")
    if materialize_grads and allow_unused is False:
        raise ValueError("grad: materialize_grads=True gives zeros for unused inputs, so allow_unused cannot be False")
    outputs, inputs = _as_list(outputs), _as_list(inputs)
    given = [None] * len(outputs) if grad_outputs is None else _as_list(grad_outputs)
    seeds = _seeds("grad", outputs, given)
    _check_targets("grad", inputs)
    keep = create_graph if retain_graph is None else retain_graph
    found = _Walk(outputs, seeds, inputs, create_graph, keep).found
    grads = [found[id(x)].grad if id(x) in found else None for x in inputs]
    for i, (x, g) in enumerate(zip(inputs, grads, strict=True)):
        if g is None and materialize_grads:
            grads[i] = x._wrap(array_module(x.array).zeros_like(x.array))
        elif g is None and not allow_unused:
            raise RuntimeError(
                f"grad: the outputs do not depend on input {i} (shape {x.shape}); "
                "give allow_unused=True to get None for it"
            )
    return tuple(grads)


def partial_grads(output: Tensor, inputs: Sequence[Tensor], gradient: Tensor, create_graph: bool) -> list:
    """Return the gradients as if no input depended on another, None where there is none: a chain rule's one factor.

    The walk ends at the inputs, so it costs what lies between them and ``output``, however long the graph below is.
    """
    found = _Walk([output], [gradient], list(inputs), create_graph, create_graph, beyond=False).found
    return [found[id(x)].grad if id(x) in found else None for x in inputs]


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Add the gradient of the sum of ``tensors`` to the ``.grad`` of every leaf below (or of ``inputs`` only).

    Nothing is written unless the whole walk succeeds.

    Parameters
    ----------
    tensors : Tensor or sequence of Tensor
        Where to start.
    grad_tensors : Tensor or sequence of Tensor or None, optional
        How each element counts, in the shapes of ``tensors``; may be left out for tensors of one element (then 1).
    retain_graph, create_graph : bool, optional
        As for `grad`.
    inputs : Tensor or sequence of Tensor, optional
        The only tensors whose ``.grad`` is to be filled; also tensors in the middle of the graph.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        As `grad`.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.tensor([1.0, 2.0], requires_grad=True)
    >>> backward([x.sum(), x * x], [None, minigen.ones(2)])
    >>> x.grad
    tensor([3., 5.])
    """
    outputs, targets = _as_list(tensors), None if inputs is None else _as_list(inputs)
    given = [None] * len(outputs) if grad_tensors is None else _as_list(grad_tensors)
    seeds = _seeds("backward", outputs, given)
    if targets is not None:
        _check_targets("backward", targets)
    keep = create_graph if retain_graph is None else retain_graph
    found = _Walk(outputs, seeds, targets, create_graph, keep).found
    with enable_grad() if create_graph else no_grad():
        for arrival in found.values():
            _accumulate(arrival, create_graph)


def _check_targets(name: str, inputs: list) -> None:
    if not inputs:
        raise ValueError(f"{name}: inputs is empty: name at least one tensor whose gradient is wanted")
    for i, x in enumerate(inputs):
        if not hasattr(x, "grad_fn"):
            raise TypeError(f"{name}: input {i} is a {type(x).__name__}; gradients exist for Tensors only")
        if not x.requires_grad:
            raise RuntimeError(f"{name}: input {i} does not require grad; make it with requires_grad=True")


def _accumulate(arrival: _Arrival, create_graph: bool) -> None:
    """Write a complete gradient into ``tensor.grad``, or add it to what is there."""
    tensor, new = arrival.tensor, arrival.grad
    old = tensor.grad
    if create_graph:
        tensor.grad = new if old is None else old + new
    elif old is None:
        if not arrival.private:
            xp = array_module(new.array)
            copy = xp.empty_like(tensor.array)
            copy[...] = new.array
            new = new._wrap(copy)
        tensor.grad = new
    else:
        tensor.grad = old.detach() + new
