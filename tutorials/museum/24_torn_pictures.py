# %% [markdown]
# # Museum 24. Torn into three
#
# ## What one sees
#
# Colour pictures from a file train badly, and generated ones look like three small grey pictures of stripes, one
# above the other. The shapes are right everywhere. Grey pictures make no trouble.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: `reshape` was used where axes should change places
# - b: the file has the colours in the order blue, green, red
# - c: the convolutions mix the channels
# - d: the pictures should be floats
#
# Name the guilty one, and repair the function: pictures (N, H, W, C) come in, and (N, C, H, W) go out.

# %%
### BEGIN SOLUTION channels_first
FAULT = "a"
### BLANK
# FAULT = ""
### END SOLUTION


def channels_first(pictures):
    ### BEGIN SOLUTION channels_first
    return pictures.transpose(0, 3, 1, 2)
    ### BLANK
    # n, h, w, c = pictures.shape
    # return pictures.reshape(n, c, h, w)
    ### END SOLUTION


red = np.zeros((1, 2, 3, 3), dtype=int)
red[..., 0] = 9  # all pixels red
print("the three channels of a red picture:")
print(channels_first(red)[0])
check.channels_first(channels_first, FAULT)
### BEGIN SOLUTION channels_first

# %% [markdown]
# ## What it was
#
# `reshape` keeps the numbers in their order and only draws new lines between them; a pixel's three colours, which
# are neighbours in the file, stay neighbours, and become three pixels. `transpose` moves the axes. Whenever a shape
# must change and the *meaning* of the axes with it, it is a transposition. With one channel both are the same, so
# the grey digits proved nothing. Look at one picture behind every change of layout.
#
# ## Further reading
#
# - C. R. Harris et al., "Array programming with NumPy", *Nature* 585 (2020), section on the array: shape, strides,
#   and the data that stay where they are.

# %%
### BLANK
### END SOLUTION
