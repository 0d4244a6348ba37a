"""What lies between the products of matrices of a layer, as loops compiled for this processor.

PyTorch computes such things operator by operator, each of which reads and writes whole tensors and
has some microseconds of its own. Here they are a loop or two, which Numba compiles when they are
first needed and keeps on disk. They compute in float32, whatever they read and write, and share out
their work in one way, so that a result depends neither on chance nor on the number of threads.

Where they cannot be compiled, layers compute by PyTorch's operators, to the same results but for
rounding.
"""
