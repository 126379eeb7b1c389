# %% [markdown]
# # Museum 9. The error that was silenced
#
# ## What one sees
#
# A GAN stopped with an error: the graph had been walked already. Somebody wrote `retain_graph=True`, and it ran.
# Since then the generator learns nothing wherever the discriminator is undecided, and walks the wrong way where it
# is fooled. It is slower, too.

# %%
import numpy as np

import minigen
import minigen.nn.functional as F
from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: keeping the graph makes the gradients imprecise
# - b: softplus is not the loss of a GAN
# - c: the discriminator should see new forgeries, not those of the generator's step
# - d: the discriminator's loss runs back into the generator, as its forgeries were not detached
#
# Name the guilty one, and repair the step. The generator is `a * z + b`, the discriminator's score `u * x`, all of
# them single numbers. The function returns the gradients of `a` and `b` that the generator's optimiser finds, and
# the one of `u` that the discriminator's found.

# %%
### BEGIN SOLUTION one_gan_step
FAULT = "d"
### BLANK
# FAULT = ""
### END SOLUTION


def one_gan_step(a, b, u, z, real):
    a, b, u = (minigen.from_numpy(np.array(float(p))).requires_grad_() for p in (a, b, u))
    z, real = minigen.from_numpy(np.array(z)), minigen.from_numpy(np.array(real))
    fake = a * z + b
    ### BEGIN SOLUTION one_gan_step
    forged, walk = fake.detach(), {}
    ### BLANK
    # forged, walk = fake, {"retain_graph": True}
    ### END SOLUTION
    (F.softplus(-u * real).mean() + F.softplus(u * forged).mean()).backward(**walk)  # the discriminator's step
    for_discriminator = float(u.grad)
    F.softplus(-u * fake).mean().backward()  # the generator's step
    return [float(a.grad), float(b.grad), for_discriminator]


noise = np.linspace(-1, 1, 5)
for u in (0.01, 1.0, -1.0):
    da, db, du = one_gan_step(1.0, 0.5, u, noise, noise + 2)
    print(f"u = {u:+.2f}: the generator gets {da:+.4f} and {db:+.4f}, the discriminator {du:+.4f}")
check.one_gan_step(one_gan_step, FAULT)
### BEGIN SOLUTION one_gan_step

# %% [markdown]
# ## What it was
#
# `backward` fills the gradients of every leaf it reaches, whoever's optimiser they belong to. Through forgeries that
# are not detached, the discriminator's loss reached `a` and `b`, and its gradient points the other way: the sum of
# both is nothing where a score is 0. The error was right: the graph of the generator should be walked once in a
# step, by the generator's loss. `detach()` is where the discriminator's step ends. (Clearing the generator's
# gradients between the two steps would hide the fault, and pay for a useless walk.)
#
# ## Further reading
#
# - I. Goodfellow et al., "Generative adversarial nets", *Advances in Neural Information Processing Systems* 27
#   (2014), algorithm 1: whose parameters each step changes.

# %%
### BLANK
### END SOLUTION
