"""Write down, from the real CuPy, what it lacks and NumPy has: run it again for a new version.

    pip install cupy-cuda12x && python tests/standin/record_cupy.py

No GPU and no driver are needed: names, signatures and the lists of a ufunc's methods can be read without one.  The
result, `cupy_lacks.json`, is all that the stand-in knows of CuPy's names.
"""

import importlib
import inspect
import json
import re
from pathlib import Path

import cupy
import numpy as np

PLACE = Path(__file__).with_name("cupy_lacks.json")
MODULES = ("", "fft", "lib", "lib.stride_tricks", "linalg")


class Anything:
    """Has every method; stands for an array while a ufunc is asked whether it can do something."""

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


def names_lacking(ours, theirs):
    return sorted(name for name in dir(ours) if not name.startswith("_") and not hasattr(theirs, name))


def signature_of(function):
    """The names of a function's parameters in order, or None where it takes any or does not say."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        return None
    return [p.name for p in parameters]


def signature_in_docstring(method):
    """The same for a method of Cython's making, whose signature stands in the first line of its docstring."""
    first = re.match(r"\S+?\(self(?:, )?(.*?)\)(?: ->.*)?$", (method.__doc__ or "").partition("\n")[0])
    if first is None or "*" in first[1]:
        return None
    return [part.partition("=")[0].split()[-1] for part in first[1].split(", ") if part]


def parameters_of_functions(theirs):
    """{name: parameters} of all functions in a module of CuPy that NumPy has, too."""
    ours = importlib.import_module(theirs.__name__.replace("cupy", "numpy", 1))
    found = {}
    for name in dir(theirs):
        function = getattr(theirs, name)
        if name.startswith("_") or not hasattr(ours, name) or function is getattr(ours, name):
            continue
        if inspect.isfunction(function) and (parameters := signature_of(function)) is not None:
            found[name] = parameters
    return found


def methods_of_ufunc(ufunc):
    """Those of at, reduce, accumulate, reduceat that it implements."""
    found = []
    for name, arguments in {"at": 3, "reduce": 1, "accumulate": 1, "reduceat": 2}.items():
        try:
            getattr(ufunc, name)(*[Anything()] * arguments)
            found.append(name)
        except NotImplementedError:
            pass
    return found


def record():
    modules = {name: importlib.import_module(f"cupy.{name}".rstrip(".")) for name in MODULES}
    numpys = {name: importlib.import_module(f"numpy.{name}".rstrip(".")) for name in MODULES}
    methods = {
        name: signature_in_docstring(getattr(cupy.ndarray, name)) for name in dir(cupy.ndarray) if name[0] != "_"
    }
    ufuncs = {name: methods_of_ufunc(f) for name, f in vars(cupy).items() if isinstance(f, cupy.ufunc)}
    return {
        "cupy": cupy.__version__,
        "numpy": np.__version__,
        "missing names": {name: names_lacking(numpys[name], modules[name]) for name in MODULES},
        "missing attributes of ndarray": sorted(set(dir(np.ndarray)) - set(dir(cupy.ndarray))),
        "missing attributes of a ufunc": names_lacking(np.ufunc, cupy.ufunc),
        "parameters of functions": {name: parameters_of_functions(modules[name]) for name in MODULES},
        "parameters of methods": {
            name: p for name, p in methods.items() if p is not None and hasattr(np.ndarray, name)
        },
        "methods of ufuncs": {name: m for name, m in sorted(ufuncs.items()) if m},
    }


if __name__ == "__main__":
    text = json.dumps(record(), indent=1)
    text = re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text)  # a list a line
    PLACE.write_text(text + "\n")
