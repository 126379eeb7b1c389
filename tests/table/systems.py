"""Every system at a size that trains in milliseconds: the fields of its ``Options`` that differ from the defaults.

`tests/test_models.py` and `tests/test_devices.py` expand each; a system without an entry fails the suite.
"""

from minigen.models import SYSTEMS, find_system

SMALL = {
    # classifiers
    "lenet": {"filters": 2},
    "cnn": {"filters": 2},
    "resnet20": {"width": 2, "blocks": 1},
    # games
    "gan": {"hidden_size": 8, "latent_size": 5},
    "dcgan": {"generator_width": 2, "discriminator_width": 2, "latent_size": 5},
    "lsgan": {"generator_width": 2, "discriminator_width": 2, "latent_size": 5, "ema": 0.5},
    "cgan": {"hidden_size": 6, "latent_size": 5},
    "cdcgan": {"generator_width": 4, "discriminator_width": 2, "latent_size": 5},
    "wgan": {
        "generator_width": 2,
        "discriminator_width": 2,
        "latent_size": 5,
        "hidden_size": 12,
        "spread": 0.3,  # the points of the tests lie in [-1, 1]
        "n_critic": 1,
        "clip": 2.0,  # of no weight: a step in which nothing is to move must not move them
    },
    "wgan_gp": {
        "generator_width": 2,
        "discriminator_width": 2,
        "latent_size": 5,
        "hidden_size": 12,
        "spread": 0.3,  # the points of the tests lie in [-1, 1]
        "n_critic": 1,
    },
    "sngan": {"generator_width": 2, "discriminator_width": 2, "latent_size": 5},
    # autoencoders
    "autoencoder": {"hidden_size": 64, "latent_size": 3},
    "denoising_autoencoder": {"hidden_size": 8},
    "vae": {"hidden_size": 8, "latent_size": 3},
    "beta_vae": {"hidden_size": 8, "width": 2, "latent_size": 3},
    "cvae": {"hidden_size": 8, "latent_size": 3},
    "iwae": {"hidden_size": 8, "latent_size": 3, "k": 3},
    # what they are used for
    "super_resolution": {"filters1": 3, "filters2": 2},
    "inpainting": {"width": 2, "adversarial": 0.5, "discriminator_width": 2},
}


def shapes_of(name):
    """All shapes of samples that a system can be built for, the smallest image first."""
    system = SYSTEMS[name]
    images = [(channels, size, size) for size in sorted(system.image_sizes) for channels in (1, 3)]
    return images + [(2,)] * system.takes_points


def make(name, shape=None, **options):
    """Build a small system, for its smallest grey image unless another shape is given."""
    kind = find_system(name)
    return kind(kind.Options(**SMALL[name] | options), shape=shape or shapes_of(name)[0])
