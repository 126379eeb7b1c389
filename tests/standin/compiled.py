"""Kernels for a GPU, run on the CPU: a C++ compiler in the place of NVRTC, and loops in the place of a grid.

`RawModule` and its functions have CuPy's signatures and are stricter: a launch checks that every argument has the type
that the source wants (a GPU would read 32 bits of a number of 64 and say nothing), and that grid and block keep to
the limits of a card.  The threads run one after the other, or in the opposite order where `reversed_order` says so:
a kernel whose threads meddle with each other gives another result.

What it cannot show: how fast a kernel is, and what a GPU's own rounding of multiply-and-add does.
"""

import ctypes
import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

COMPILER = next((found for name in ("c++", "g++", "clang++") if (found := shutil.which(name))), None)
WHY_NOT = "no C++ compiler here (c++, g++ or clang++) to run kernels on the CPU"

SHIM = r"""
#include <cmath>
#undef INFINITY  // NVRTC knows none of the C library's constants
#undef NAN
using std::sqrt;
struct Place { unsigned x, y, z; };
static Place blockIdx, threadIdx, blockDim, gridDim;
#define __global__ static
"""
LOOPS = r"""
extern "C" void run_%(name)s(unsigned gx, unsigned gy, unsigned bx, unsigned by, int backwards, %(declared)s)
{
    gridDim = {gx, gy, 1}; blockDim = {bx, by, 1};
    auto turn = [&](unsigned i, unsigned count) { return backwards ? count - 1 - i : i; };
    for (unsigned i = 0; i < gy; i++)
        for (unsigned j = 0; j < gx; j++)
            for (unsigned k = 0; k < by; k++)
                for (unsigned l = 0; l < bx; l++) {
                    blockIdx = {turn(j, gx), turn(i, gy), 0};
                    threadIdx = {turn(l, bx), turn(k, by), 0};
                    %(name)s(%(passed)s);
                }
}
"""
NUMBERS = {"int": "int32", "Index": "int64", "unsigned char": "uint8"}
MOST = {"threads in a block": 1024, "blocks in a row": 2**31 - 1, "rows of blocks": 65535}

#: Every launch: name, and the bytes of the arrays that it was given.
launches: list[tuple[str, int]] = []
reversed_order = [False]


def parameters_of(source):
    """{kernel: [(type, name)]} as the source declares them; "Real*" for an array of them, const or not."""
    found = {}
    for name, inside in re.findall(r"__global__ void (\w+)\((.*?)\)\s*\{", source, flags=re.DOTALL):
        parts = [" ".join(part.replace("const ", "").split()) for part in inside.split(",")]
        found[name] = [tuple(part.rsplit(" ", 1)) for part in parts]
    return found


def library(source, options):
    """Compile the source for the CPU, with a function ``run_name`` for each kernel, and load it."""
    loops = []
    for name, parameters in parameters_of(source).items():
        names = [f"a{i}" for i in range(len(parameters))]
        declared = ", ".join(f"{kind} {a}" for (kind, _), a in zip(parameters, names))
        loops.append(LOOPS % {"name": name, "declared": declared, "passed": ", ".join(names)})
    text = SHIM + source.replace('extern "C" {', "namespace {") + "".join(loops)
    with tempfile.TemporaryDirectory(prefix="minigen-kernels-") as folder:
        written = Path(folder, "kernels.cpp")
        written.write_text(text)
        built = Path(folder, f"kernels-{hashlib.sha256(text.encode()).hexdigest()[:16]}.so")
        warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"]
        command = [COMPILER, "-std=c++17", "-O2", "-ffp-contract=off", "-fPIC", "-shared", *warnings, *options]
        done = subprocess.run([*command, written, "-o", built], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the kernels do not compile:\n{done.stderr}")
        return ctypes.CDLL(str(built))


class RawModule:
    """CuPy's, but for the CPU."""

    _built = {}

    def __init__(self, code=None, *, options=()):
        self.code, self.options = code, tuple(options)
        self.real = np.dtype("float64" if "-DReal=double" in self.options else "float32")
        self.parameters = parameters_of(code)

    @property
    def library(self):
        key = (self.code, self.options)
        if key not in self._built:
            self._built[key] = library(*key)
        return self._built[key]

    def get_function(self, name):
        if name not in self.parameters:
            raise AttributeError(f"the source has no kernel {name!r}, it has {list(self.parameters)}")
        return Kernel(self, name)


class Kernel:
    """One kernel, to be called with grid, block and arguments."""

    def __init__(self, module, name):
        self.module, self.name = module, name
        self.parameters = module.parameters[name]
        self.takes_strides = any(parameter == "to_image" for _, parameter in self.parameters)
        self.run = getattr(module.library, f"run_{name}")

    def __call__(self, grid, block, args):
        (gx, gy), (bx, by) = ((*extent, 1)[:2] for extent in (grid, block))
        for what, number in zip(MOST, (bx * by, gx, gy)):
            if not 1 <= number <= MOST[what]:
                raise RuntimeError(f"{self.name}: {number} {what}: from 1 to {MOST[what]} are possible")
        if len(args) != len(self.parameters):
            raise TypeError(f"{self.name} takes {len(self.parameters)} arguments, not {len(args)}")
        passed = [self.convert(i, kind, name, a) for i, ((kind, name), a) in enumerate(zip(self.parameters, args))]
        launches.append((self.name, sum(a._host.nbytes for a in args if hasattr(a, "_host"))))
        whole = [ctypes.c_uint(n) for n in (gx, gy, bx, by)]
        self.run(*whole, ctypes.c_int(reversed_order[0]), *passed)

    def convert(self, i, kind, name, value):
        """An argument for C, or a complaint that it has another type than the source wants."""
        wanted = NUMBERS.get(kind.rstrip("*"), str(self.module.real))
        found = str(getattr(value, "dtype", type(value).__name__))
        if kind.endswith("*"):
            if hasattr(value, "_host") and found == wanted:
                if not value._host.flags.c_contiguous and not (name == "x" and self.takes_strides):
                    raise ValueError(f"{self.name}: argument {i} ({kind} {name}) is read as if it had no gaps; it has")
                return ctypes.c_void_p(value._host.ctypes.data)
            if type(value) is np.uint64 and value == 0:
                return ctypes.c_void_p(None)
        elif isinstance(value, np.generic) and found == wanted:
            return np.ctypeslib.as_ctypes_type(value.dtype)(value.item())
        raise TypeError(f"{self.name}: argument {i} ({kind} {name}) must be {wanted}, not {found}")
