# %% [markdown]
# # Museum 20. The chessboard that nobody drew
#
# ## What one sees
#
# A generator that doubles the size with transposed convolutions. All its pictures have a fine pattern like a
# chessboard, strongest in even areas. It is there before the first step of training, and training only makes it
# weaker.

# %%
import minigen
from minigen import nn
from minigen.course import check

minigen.manual_seed(0)

# %% [markdown]
# ## Suspects
#
# - a: the weights were drawn with too large a variance
# - b: the kernel of 3 is no multiple of the stride of 2, so pixels get unequal numbers of terms
# - c: `Tanh` should stand before the transposed convolution
# - d: a bias is missing
#
# Name the guilty one, and repair the layer: it should exactly double height and width, with a transposed convolution
# of stride 2 or otherwise, and treat all pixels alike, the edge excepted.

# %%
### BEGIN SOLUTION Doubler
FAULT = "b"
### BLANK
# FAULT = ""
### END SOLUTION


def Doubler():
    ### BEGIN SOLUTION Doubler
    return nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1, bias=False)
    ### BLANK
    # return nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=1, bias=False)
    ### END SOLUTION


layer = Doubler()
layer.load_state_dict({name: minigen.ones(*value.shape) for name, value in layer.state_dict().items()})
print("all weights 1, a picture of ones; the middle of what comes out:")
print(layer(minigen.ones(1, 1, 5, 5))[0, 0, 4:6, 2:8].detach().numpy())
check.Doubler(Doubler, FAULT)
### BEGIN SOLUTION Doubler

# %% [markdown]
# ## What it was
#
# Each pixel of the output collects the taps of the kernel that reach it. With a stride of 2 and a kernel of 3 every
# other row gets two taps and the ones between get one; in both directions that is 4, 2, 2 and 1 terms. A kernel of 4
# gives every pixel 2 by 2. The weights can learn to make up for it, but they must do so against every step of
# training. Enlarging first, and then an ordinary convolution, is even as well.
#
# ## Further reading
#
# - A. Odena, V. Dumoulin and C. Olah, "Deconvolution and checkerboard artifacts", *Distill* (2016).

# %%
### BLANK
### END SOLUTION
