"""Pictures of tensors: grids of images, animations, curves; the two functions of ``torchvision.utils`` first.

The drawn graph of a tensor, `graph`, stands in `minigen.drawing` and is offered here too.
Everything here ends in a file or in a tensor that is ready for one, and every file is written whole or not at
all.  Matplotlib and Pillow are imported inside the functions: training without pictures needs neither.  No
function touches Matplotlib's global state, so a notebook's own figures are left alone.
"""

from __future__ import annotations

import io
import itertools
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from minigen.creation import from_numpy
from minigen.drawing import graph as graph
from minigen.files import atomic_write
from minigen.operands import given
from minigen.tensor import Tensor

# Okabe and Ito's palette, which colour-blind eyes tell apart; its yellow and black are left out.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")

# What a record of a log says beside its values.
_NO_CURVE = ("step", "epoch", "seconds", "time")

Log = str | os.PathLike[str] | Sequence[Mapping[str, Any]] | Mapping[str, Sequence[float]]


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Lay images out in a grid, as ``torchvision.utils.make_grid`` does.

    Parameters
    ----------
    tensor : Tensor (N, C, H, W), or list of Tensor (C, H, W)
        The images. (C, H, W) and (H, W) are taken for one image, which is returned without a border.
    nrow : int
        Images in a row.
    padding : int
        Pixels between images, and round the grid.
    normalize : bool
        Bring the values to [0, 1]: clip to ``value_range``, subtract its lower end, divide by its length.
    value_range : (float, float), optional
        By default the smallest and largest value of the tensor.
    scale_each : bool
        Take the smallest and largest value of each image instead.
    pad_value : float
        Value of the padding.

    Returns
    -------
    Tensor (3, rows * (H + padding) + padding, columns * (W + padding) + padding)
        Grey images are repeated in three channels; other numbers of channels stay.

    Raises
    ------
    TypeError, ValueError
        If there is no image, or a shape or an option does not fit.

    Examples
    --------
    >>> import minigen
    >>> make_grid(minigen.rand(10, 1, 28, 28), nrow=5).shape
    (3, 62, 152)
    """
    images = _as_images("make_grid", tensor)  # (N, C, H, W)
    if images.shape[1] == 1:
        images = np.repeat(images, 3, axis=1)  # (N, 1, H, W) -> (N, 3, H, W)
    if normalize:
        images = _normalized(images, value_range, scale_each)
    count, channels, height, width = images.shape
    if count == 1:
        return from_numpy(images[0])  # (1, C, H, W) -> (C, H, W)
    if nrow < 1 or padding < 0:
        raise ValueError(f"make_grid: nrow is {nrow} and padding {padding}; they must be >= 1 and >= 0")
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    down, right = height + padding, width + padding
    grid = np.full((channels, rows * down + padding, columns * right + padding), pad_value, images.dtype)
    for i, image in enumerate(images):
        top, left = (i // columns) * down + padding, (i % columns) * right + padding
        grid[:, top : top + height, left : left + width] = image
    return from_numpy(grid)


def save_image(
    tensor: Tensor | Sequence[Tensor],
    fp: str | os.PathLike[str] | IO[bytes],
    format: str | None = None,
    **kwargs: Any,
) -> None:
    """Save images as one picture, as ``torchvision.utils.save_image`` does.

    Parameters
    ----------
    tensor : Tensor or list of Tensor
        As for `make_grid`, with values in [0, 1]; what lies outside is cut off.
    fp : str, path or file object
        Where to; a path's ending names the format, and its folder is made where it is missing.
    format : str, optional
        Pillow's name of the format; needed for a file object.
    **kwargs
        Options of `make_grid`, for instance ``normalize=True, value_range=(-1, 1)``.

    Raises
    ------
    ValueError
        If values are not finite, or Pillow does not know the format.
    WriteError
        If the file cannot be written; nothing half-written is left.
    """
    _save(_to_pillow("save_image", make_grid(tensor, **kwargs)), fp, format)


def save_gif(frames: Sequence[Any], path: str | os.PathLike[str], duration: int = 200, hold: int = 1500) -> None:
    """Save pictures as an animation that runs in a loop.

    Parameters
    ----------
    frames : sequence of Tensor (C, H, W), of paths, or of Pillow images
        All of one size; tensors with values in [0, 1], for instance from `make_grid`.
    path : str or path
        The file to write.
    duration : int
        How long a frame stays, milliseconds.
    hold : int
        How long the last frame stays, milliseconds.

    Raises
    ------
    ValueError
        If there is no frame, or their sizes differ.
    WriteError
        If the file cannot be written; nothing half-written is left.
    """
    if not isinstance(frames, Iterable) or isinstance(frames, (str, bytes)):
        raise TypeError(f"save_gif: frames must be a list of pictures, not {type(frames).__name__}")
    pictures = [_frame(frame) for frame in frames]
    if not pictures:
        raise ValueError("save_gif: there is no frame")
    for i, picture in enumerate(pictures):
        if picture.size != pictures[0].size:
            raise ValueError(f"save_gif: frame {i} is {picture.size} pixels large, frame 0 {pictures[0].size}")
    stay = [duration] * (len(pictures) - 1) + [hold]
    _save(pictures[0], path, "GIF", save_all=True, append_images=pictures[1:], duration=stay, loop=0)


def plot_curves(log: Log, path: str | os.PathLike[str], keys: Sequence[str] | None = None) -> None:
    """Draw how losses went over the steps of a training run.

    The values are drawn faintly, their running mean boldly; colours are told apart by colour-blind eyes too.

    Parameters
    ----------
    log : path, sequence of dict, or dict of sequences
        A JSONL file with one object a line, each with its ``"step"``; such objects; or the values of each
        curve by name, with their steps under ``"step"`` (0, 1, 2, ... where it is missing).
    path : str or path
        The picture to write; its ending names the format (png, svg, pdf).
    keys : sequence of str, optional
        The curves to draw. By default all whose name holds "loss"; where there is none, all numbers.

    Raises
    ------
    ValueError
        If there is nothing to draw.
    WriteError
        If the file cannot be written; nothing half-written is left.
    """
    from matplotlib.figure import Figure

    curves = _read_curves(log)
    if keys is None:
        keys = [name for name in curves if "loss" in name] or list(curves)
    missing = [key for key in keys if key not in curves]
    if missing or not keys:
        raise ValueError(f"plot_curves: no curve {missing or ''} in the log; it holds {list(curves)}")
    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for colour, key in zip(itertools.cycle(_COLOURS), keys):
        steps, values = curves[key]
        axes.plot(steps, values, color=colour, alpha=0.25, linewidth=1)
        axes.plot(steps, _running_mean(values), color=colour, linewidth=2, label=key)
    axes.set_xlabel("step")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    axes.margins(x=0.01)
    axes.legend(frameon=False)
    _save_figure(figure, path)


def filter_grid(weight: Tensor, **kwargs: Any) -> Tensor:
    """Lay out the kernels of a convolution as images, each scaled to [0, 1] by itself.

    Parameters
    ----------
    weight : Tensor (O, C, KH, KW)
        Kernels of three channels are shown in colour, others as O * C grey images.
    **kwargs
        Options of `make_grid`.

    Returns
    -------
    Tensor (3, height, width)
    """
    kernels = given("filter_grid", weight, "weight").detach()
    if kernels.dim() != 4:
        raise ValueError(f"filter_grid: a weight is (O, C, KH, KW), not {tuple(kernels.shape)}")
    if kernels.shape[1] != 3:
        kernels = kernels.reshape(-1, 1, *kernels.shape[2:])  # (O, C, KH, KW) -> (O C, 1, KH, KW)
    return make_grid(kernels, **{"normalize": True, "scale_each": True, **kwargs})


def _as_images(name: str, tensor: Any) -> np.ndarray:
    """Return images as an array (N, C, H, W); the shapes that mean one image are told at `make_grid`."""
    if isinstance(tensor, (list, tuple)):
        if not tensor or not all(isinstance(image, Tensor) for image in tensor):
            raise TypeError(f"{name}: a Tensor or a non-empty list of Tensors is wanted")
        shapes = {tuple(image.shape) for image in tensor}
        if len(shapes) > 1:
            raise ValueError(f"{name}: the images differ in shape: {sorted(shapes)}")
        images = np.stack([image.detach().cpu().numpy() for image in tensor])  # N x (C, H, W) -> (N, C, H, W)
    elif isinstance(tensor, Tensor):
        images = tensor.detach().cpu().numpy()
    else:
        raise TypeError(f"{name}: a Tensor or a list of Tensors is wanted, not {type(tensor).__name__}")
    if images.ndim == 2:
        images = images[None]  # (H, W) -> (1, H, W)
    if images.ndim == 3:
        images = images[None]  # (C, H, W) -> (1, C, H, W)
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"{name}: images are (N, C, H, W), (C, H, W) or (H, W) and not empty, not {images.shape}")
    return images


def _normalized(images: np.ndarray, value_range: tuple[float, float] | None, scale_each: bool) -> np.ndarray:
    """Bring images (N, C, H, W) to [0, 1]."""
    if value_range is not None and not (isinstance(value_range, (tuple, list)) and len(value_range) == 2):
        raise TypeError(f"make_grid: value_range is {value_range!r}; it must be a pair (low, high)")
    if images.dtype.kind != "f":
        raise TypeError(f"make_grid: normalize wants images of floats, not {images.dtype}; use .float()")
    axes = (1, 2, 3) if scale_each else None
    low, high = value_range or (images.min(axes, keepdims=True), images.max(axes, keepdims=True))
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    length = np.maximum(high - low, 1e-5).astype(images.dtype)  # a constant image becomes black
    low, high = low.astype(images.dtype), high.astype(images.dtype)
    return (images.clip(low, high) - low) / length


def _to_pillow(name: str, image: Tensor) -> Any:
    """Turn an image (C, H, W) with values in [0, 1] into a Pillow image."""
    from PIL import Image

    array = image.detach().cpu().numpy()
    bad = array.size - int(np.isfinite(array).sum())
    if bad:
        raise ValueError(f"{name}: {bad} of {array.size} values are NaN or infinite; has the training diverged?")
    if array.dtype.kind != "f" and not (0 <= array.min() <= array.max() <= 1):
        raise TypeError(f"{name}: images of {array.dtype} must hold 0 and 1 only; divide bytes by 255 first")
    if array.shape[0] not in (1, 3, 4):
        raise ValueError(f"{name}: an image file has 1, 3 or 4 channels, not {array.shape[0]} {array.shape}")
    pixels = (array * 255.0 + 0.5).clip(0, 255).astype(np.uint8)  # + 0.5: to the nearest byte
    pixels = pixels.transpose(1, 2, 0)  # (C, H, W) -> (H, W, C)
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))


def _frame(frame: Any) -> Any:
    from PIL import Image

    if isinstance(frame, Tensor):
        return _to_pillow("save_gif", frame)
    if isinstance(frame, (str, os.PathLike)):
        with Image.open(frame) as image:
            return image.copy()
    if not isinstance(frame, Image.Image):
        raise TypeError(f"save_gif: a frame is a Tensor, a path or a Pillow image, not {type(frame).__name__}")
    return frame


def _save(picture: Any, fp: Any, format: str | None, **options: Any) -> None:
    """Encode a Pillow image in memory, then write the bytes at once."""
    from PIL import Image

    if format is None and isinstance(fp, (str, os.PathLike)):
        format = Image.registered_extensions().get(Path(fp).suffix.lower())
        if format is None:
            raise ValueError(f"save_image: the ending of {os.fspath(fp)!r} names no format; use .png or .jpg")
    if not (isinstance(fp, (str, os.PathLike)) or hasattr(fp, "write")):
        raise TypeError(f"save_image: fp must be a path or an open file, not {type(fp).__name__}")
    if format is None:
        raise ValueError('save_image: an open file has no ending that names a format; give one, format="png"')
    buffer = io.BytesIO()
    try:
        picture.save(buffer, format=format, **options)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"save_image: Pillow saves no {picture.mode} picture as {format!r}: {error}") from None
    if not isinstance(fp, (str, os.PathLike)):
        fp.write(buffer.getvalue())
        return
    with atomic_write(fp) as file:
        file.write(buffer.getvalue())


def plot_points(points: Tensor, path: str | os.PathLike[str], real: Tensor | None = None) -> None:
    """Draw points in the plane, in front of those that they should resemble.

    Parameters
    ----------
    points : Tensor (N, 2)
        In colour.
    path : str or path
        The picture to write; its ending names the format (png, svg, pdf).
    real : Tensor (M, 2), optional
        In grey.  The picture shows their part of the plane and a little more, so that pictures of different steps can
        be compared.

    Raises
    ------
    ValueError
        If the points are not of shape (N, 2), or not finite.
    WriteError
        If the file cannot be written; nothing half-written is left.
    """
    from matplotlib.figure import Figure

    real = points if real is None else real
    for name, some in (("points", points), ("real", real)):
        if given("plot_points", some, name).ndim != 2 or some.shape[1] != 2 or len(some) == 0:
            raise ValueError(f"plot_points: {name} must be (N, 2), not {some.shape}")
        if not some.isfinite().all():
            raise ValueError(f"plot_points: {name} hold NaN or infinity; has the training diverged?")
    figure = Figure(figsize=(5, 5), dpi=120, layout="constrained")
    axes = figure.add_subplot(aspect="equal")
    background, front = real.cpu().numpy(), points.cpu().numpy()
    for points_of_one, colour in ((background, "0.75"), (front, _COLOURS[0])):
        axes.scatter(points_of_one[:, 0], points_of_one[:, 1], s=4, color=colour, linewidths=0)
    middle = (background.max(axis=0) + background.min(axis=0)) / 2
    half = 0.6 * max(np.ptp(background, axis=0).max(), 1e-6)
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    axes.spines[["top", "right"]].set_visible(False)
    _save_figure(figure, path)


def _save_figure(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write a Matplotlib figure; the file's ending names the format."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=Path(path).suffix.lstrip(".") or "png")
    with atomic_write(path) as file:
        file.write(buffer.getvalue())


def _read_curves(log: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return (steps, values) of every curve in a log; values that are no finite numbers are left out."""
    if isinstance(log, (str, os.PathLike)):
        log = _read_jsonl(Path(log))
    if isinstance(log, Mapping):
        flat = [name for name, values in log.items() if not hasattr(values, "__len__")]
        if flat:
            raise TypeError(f"plot_curves: each curve of a dict must be a list of numbers, but {flat[0]!r} is none")
        longest = max((len(values) for values in log.values()), default=0)
        steps = log.get("step", range(longest))
        points = [(key, step, value) for key in log for step, value in zip(steps, log[key])]
    else:
        if not isinstance(log, Sequence) or not all(isinstance(record, Mapping) for record in log):
            raise TypeError(f"plot_curves: a log is a path, a list of dicts or a dict of lists, not {log!r:.60}")
        points = [(key, record.get("step", i), value) for i, record in enumerate(log) for key, value in record.items()]
    curves: dict[str, list[tuple[float, float]]] = {}
    for key, step, value in points:
        if key not in _NO_CURVE and isinstance(value, (int, float)) and math.isfinite(value):
            curves.setdefault(key, []).append((step, value))
    return {key: (np.array(pairs)[:, 0], np.array(pairs)[:, 1]) for key, pairs in curves.items()}


def _read_jsonl(path: Path) -> list[Any]:
    """Read one object a line; a last line without its end, cut off when a run was killed, is left out."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    records = []
    for number, line in enumerate(lines, start=1):
        if not line.endswith("\n"):
            break
        try:
            records.append(json.loads(line))
        except ValueError:
            raise ValueError(f"plot_curves: line {number} of {path} is no JSON object: {line.strip()[:60]!r}") from None
    return records


def _running_mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over a window of a twentieth of the curve, narrower at its ends."""
    reach = len(values) // 40
    total = np.concatenate([[0.0], np.cumsum(values)])
    first = np.maximum(np.arange(len(values)) - reach, 0)
    last = np.minimum(np.arange(len(values)) + reach + 1, len(values))
    return (total[last] - total[first]) / (last - first)
