# %% [markdown]
# # Museum 13. Forgeries by their darkness
#
# ## What one sees
#
# A GAN whose generator ends with `Tanh`. From the first steps on the discriminator is right nearly always, even
# about forgeries that look good. In pictures drawn from the generator black is often missing.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: the real pictures are in [0, 1], the forgeries in [-1, 1]
# - b: bytes should be divided by 256, not by 255
# - c: the discriminator should see bytes
# - d: the loader should shuffle the pixels
#
# Name the guilty one, and repair the function that prepares the real pictures: arrays of bytes come in, float32 in
# the range of the tanh goes out.

# %%
### BEGIN SOLUTION prepare_pictures
FAULT = "a"
### BLANK
# FAULT = ""
### END SOLUTION


def prepare_pictures(pictures):
    ### BEGIN SOLUTION prepare_pictures
    return pictures.astype(np.float32) / 127.5 - 1
    ### BLANK
    # return pictures.astype(np.float32) / 255
    ### END SOLUTION


real = prepare_pictures(np.array([0, 51, 255], dtype=np.uint8))
fake = np.tanh(np.array([-9.0, -0.7, 9.0]))
for name, values in (("real", real), ("fake", fake)):
    print(f"{name}: black {values[0]:+.2f}, dark {values[1]:+.2f}, white {values[2]:+.2f}")
check.prepare_pictures(prepare_pictures, FAULT)
### BEGIN SOLUTION prepare_pictures

# %% [markdown]
# ## What it was
#
# The background of a real picture was 0 and could not be less; a forgery with any number below 0 was known at once.
# The discriminator needed no idea of what a digit looks like, and the only thing it taught the generator was
# "nothing below 0". The real pictures must come in the generator's range, or the generator must end with a sigmoid.
# Print the smallest and the largest number of both kinds before the first step.
#
# ## Further reading
#
# - A. Radford, L. Metz and S. Chintala, "Unsupervised representation learning with deep convolutional generative
#   adversarial networks", arXiv:1511.06434 (2015), section 4: pictures are scaled to the range of the tanh.

# %%
### BLANK
### END SOLUTION
