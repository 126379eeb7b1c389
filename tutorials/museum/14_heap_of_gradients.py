# %% [markdown]
# # Museum 14. The ball that never stops
#
# ## What one sees
#
# A line is fitted by gradient descent. The slope runs to the right value, past it, back, past it again, and so for
# ever, as far each time as at the beginning. With a smaller learning rate it swings more slowly, and as far.

# %%
import numpy as np

import minigen
from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: the learning rate is too large
# - b: the loss has two minima
# - c: the optimiser has momentum
# - d: the gradients of all earlier steps are still there
#
# Name the guilty one, and repair the training. The function returns the slope after so many steps, beginning at 0.

# %%
### BEGIN SOLUTION fitted_slope
FAULT = "d"
### BLANK
# FAULT = ""
### END SOLUTION


def fitted_slope(x, y, rate, steps):
    x, y = minigen.from_numpy(np.array(x)), minigen.from_numpy(np.array(y))
    slope = minigen.from_numpy(np.zeros(1)).requires_grad_()
    optimizer = minigen.optim.SGD([slope], lr=rate)
    for _ in range(steps):
        ### BEGIN SOLUTION fitted_slope
        optimizer.zero_grad()
        ### BLANK
        ### END SOLUTION
        ((slope * x - y) ** 2).mean().backward()
        optimizer.step()
    return float(slope)


x = np.linspace(-1, 1, 11)
for steps in (0, 5, 10, 20, 40):
    print(f"after {steps:2d} steps: {fitted_slope(x, 3 * x, 0.1, steps):+.3f} (right is +3.000)")
check.fitted_slope(fitted_slope, FAULT)
### BEGIN SOLUTION fitted_slope

# %% [markdown]
# ## What it was
#
# `backward` *adds* to what is in `grad`; that is what makes a parameter that is used twice right. Whoever does not
# clear it takes steps along the sum of all gradients so far. That is momentum without friction: a ball in a bowl,
# which swings for ever. With Adam it looks like a bad learning rate, and with many parameters like bad luck. After
# `40` steps the repaired program is near the bottom.
#
# ## Further reading
#
# - D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by back-propagating errors", *Nature*
#   323 (1986): steps along a sum of earlier gradients that fades, which is momentum.

# %%
### BLANK
### END SOLUTION
