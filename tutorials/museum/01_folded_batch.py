# %% [markdown]
# # Museum 1. Sixteen answers for sixty-four pictures
#
# ## What one sees
#
# A classifier for colour pictures of 32 by 32 points: two convolutions, each followed by a pooling that halves
# height and width, then one linear layer. It takes a batch of 64 pictures without a complaint, and answers for 16.
# The loss then complains that there are 64 labels. With 63 pictures the network itself breaks, with "-1" in the
# message.

# %%
import minigen
import minigen.nn.functional as F
from minigen import nn
from minigen.course import check

minigen.manual_seed(0)

# %% [markdown]
# ## Suspects
#
# - a: the padding of the convolutions is too small, so that rows are lost
# - b: the linear layer is made for features that were pooled once, and `view(-1, ...)` hides it
# - c: `MaxPool2d(2)` pools over the batch, too
# - d: the data loader delivers batches of 16
#
# Find the one that is guilty, write its letter into `FAULT`, and repair the program, for any size of picture that
# can be halved twice, and any size of batch.

# %%
### BEGIN SOLUTION FoldedNet
FAULT = "b"
### BLANK
# FAULT = ""
### END SOLUTION


class FoldedNet(nn.Module):
    def __init__(self, image_size=32):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 8, 3, padding=1)
        ### BEGIN SOLUTION FoldedNet
        self.features = 8 * (image_size // 4) ** 2
        ### BLANK
        # self.features = 8 * (image_size // 2) ** 2
        ### END SOLUTION
        self.fc = nn.Linear(self.features, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        ### BEGIN SOLUTION FoldedNet
        x = x.view(x.size(0), -1)
        ### BLANK
        # x = x.view(-1, self.features)
        ### END SOLUTION
        return self.fc(x)


print(tuple(FoldedNet()(minigen.randn(64, 3, 32, 32)).shape))
check.FoldedNet(FoldedNet, FAULT)
### BEGIN SOLUTION FoldedNet

# %% [markdown]
# ## What it was
#
# Two poolings make 8 by 8 of 32 by 32; the linear layer was made for 16 by 16, four times as many. `view(-1, ...)`
# means "as many rows as it takes", so four pictures were glued into one row, and no shape was wrong. Write
# `x.view(x.size(0), -1)`, or `nn.Flatten()`: then the rows are the pictures, and a wrong number of features is an
# error at once. `minigen check --shapes FILE` finds this fault by itself.
#
# ## Further reading
#
# - Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document recognition",
#   *Proceedings of the IEEE* 86 (1998), figure 2: a network in which every size is written down.

# %%
### BLANK
### END SOLUTION
