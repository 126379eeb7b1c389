"""A checkpoint is PyTorch's as well: what one library has written, the other loads, and computes the same with it.

The systems of PyTorch are the files of `minigen.models` with PyTorch underneath (`benchmarks.torch_side`).
"""

import numpy as np
import pytest
from safetensors.numpy import load_file as load_arrays
from table.systems import make, shapes_of
from test_models import batch_for

import minigen
from minigen import models
from minigen.models.system import evaluating, random_state_of
from minigen.training.checkpoint import write_checkpoint
from minigen.training.state import load_system, system_state

torch_side = pytest.importorskip("benchmarks.torch_side")
torch = pytest.importorskip("torch")

NEAR = {"float32": 1e-5, "float64": 1e-9}  # max|a - b| / max|b|


def outputs(system, images, to_own):
    """Compute all that a system computes for others, from the same images and noise."""
    found = {}
    images = to_own(images)
    with random_state_of(5):
        noise = system.noise(6).to(images.dtype) if system.generates else None
    no_grad = minigen.no_grad if isinstance(system, models.System) else torch.no_grad
    with no_grad(), random_state_of(6):
        if system.generates:
            found["samples"] = system.sample(6, noise)
        if system.restores:
            found |= system.restore(images)
        if not found:
            found["logits"] = system(images)
        for name in ("discriminator", "critic"):
            judge = getattr(system, name, None)
            if judge is not None and not system.conditional:
                found[name] = judge(images)
        if hasattr(system, "encoder") and not system.conditional:
            found["latents"] = system.encoder(images)
    return {f"{name} {i}": part for name, value in found.items() for i, part in enumerate(parts(value))}


def parts(value):
    return [np.asarray(part.detach().numpy()) for part in (value if isinstance(value, tuple) else (value,))]


def compare(system, twin, images):
    system.eval()
    twin.eval()
    with evaluating(system):
        ours = outputs(system, images, lambda x: x)
    theirs = outputs(twin, images, torch_side.to_torch)
    assert list(ours) == list(theirs)
    for name, array in ours.items():
        near = NEAR[str(array.dtype)]
        scale = max(np.abs(theirs[name]).max(), 1e-30)
        assert np.abs(array - theirs[name]).max() <= near * scale, name


@pytest.mark.parametrize("dtype", NEAR)
@pytest.mark.parametrize("name", models.SYSTEMS)
def test_a_checkpoint_goes_to_pytorch_and_back(name, dtype, tmp_path):
    from safetensors.torch import load_file, save_file

    system = make(name, shapes_of(name)[1], **{"dropout": 0.0} if name == "cgan" else {})
    system.to(dtype=dtype)
    images, labels = batch_for(system)
    images = images.to(dtype)
    if system.generates:
        drawn = system.noise  # which is float32, as training wants it
        system.noise = lambda n: drawn(n).to(dtype)
    system.train()
    system.training_step([images, labels])  # so that running means and optimizers hold something
    path = tmp_path / "step-00000001.safetensors"
    write_checkpoint(path, *system_state(system))

    minigen.manual_seed(99)
    twin = torch_side.torch_twin(make(name, shapes_of(name)[1])).to(getattr(torch, dtype))
    state = {key.removeprefix("system."): t for key, t in load_file(path).items() if key.startswith("system.")}
    twin.load_state_dict(state)  # strict: every name and shape is PyTorch's
    compare(system, twin, images)

    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(0.9)
    save_file({key: value.contiguous() for key, value in twin.state_dict().items()}, tmp_path / "theirs.safetensors")
    back = load_system(path)
    assert next(iter(back.parameters())).dtype == dtype
    back.load_state_dict(load_arrays(tmp_path / "theirs.safetensors"))
    compare(back, twin, images)
