"""Museum 1: features pooled once too often for the linear layer, and a view that glues pictures together."""

from __future__ import annotations

import numpy as np

import minigen
import minigen.nn.functional as F
from minigen.course.compare import expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _state(draw, size):
    shapes = {"conv1": (4, 3, 3, 3), "conv2": (8, 4, 3, 3), "fc": (10, 8 * (size // 4) ** 2)}
    state = {f"{name}.weight": 0.3 * draw.normal(*shape).astype(np.float32) for name, shape in shapes.items()}
    return state | {f"{name}.bias": draw.normal(shape[0]).astype(np.float32) for name, shape in shapes.items()}


def _right(state, x):
    """Compute what the network should say, picture by picture."""
    tensors = {key: minigen.from_numpy(value.astype(np.float64)) for key, value in state.items()}
    rows = []
    for picture in x:
        y = minigen.from_numpy(picture[None].astype(np.float64))  # (1, 3, H, W)
        for name in ("conv1", "conv2"):
            y = F.max_pool2d(F.conv2d(y, tensors[f"{name}.weight"], tensors[f"{name}.bias"], padding=1).relu(), 2)
        rows.append(tensors["fc.weight"].numpy() @ y.numpy().ravel() + tensors["fc.bias"].numpy())
    return np.array(rows)  # (N, 10)


def _answers(batches, size):
    def part(answer, draw):
        state = _state(draw, size)
        for n in batches:
            x = draw.normal(n, 3, size, size).astype(np.float32)
            (y,), _ = answer.drive("modules", "FoldedNet", {"image_size": size}, state, x)
            expect(y, _right(state, x), f"the answers for {n} pictures of {size} by {size}", tolerance=1e-4)

    return part


EXERCISE = Exercise(
    name="FoldedNet",
    task="a classifier that glues four pictures into one",
    library=True,
    parts=[
        find_part("b"),
        Part("batches", 2, _answers((4, 1, 3), 32)),
        Part("other sizes", 1, _answers((2,), 16)),
    ],
    wrong=[
        Wrong(
            {"self.features = 8 * (image_size // 4) ** 2": "self.features = 8 * 8 * 8"},
            "The number of features is right for 32 by 32 only: compute it from image_size.",
        ),
        Wrong(
            {"8 * (image_size // 4) ** 2": "8 * (image_size // 2) ** 2"},
            "The linear layer expects features that were pooled only once: count the poolings.",
        ),
        Wrong(
            {"x = x.view(x.size(0), -1)": "x = x.view(-1, x.size(0)).T"},
            "This mixes the pictures: the first axis must stay the batch, x.view(x.size(0), -1).",
        ),
    ],
    suspects={
        "a": "With a kernel of 3 and a padding of 1, height and width stay as they are. No row is lost.",
        "b": "",
        "c": "Pooling looks at height and width only. Print x.shape after each line: N stays.",
        "d": "The program was given 64 random pictures; there is no loader in it.",
    },
)

CHAPTER = Chapter(1, "folded_batch", "Sixteen answers for sixty-four pictures", 0.5, (5,), [EXERCISE], museum=True)
