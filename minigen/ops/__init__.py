"""The Function classes behind the operators and methods of Tensor, one file a family, and what is composed of them.

Nothing here is called by users: `minigen.tensor` offers ``x + y`` and ``x.exp()``, and these classes say how
they are computed and differentiated.  Their backward uses only operators and methods of the tensors it is
handed, so no file here imports Tensor.
"""
