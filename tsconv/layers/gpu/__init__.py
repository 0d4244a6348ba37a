"""Layers of a network in training as kernels of our own, in Triton, for a GPU.

A step of a small network is hundreds of kernels of a few microseconds, most of which only move
numbers about. Here a layer is a kernel or two, forward and backward: convolutions of one input side
by side without copies of what they see, batch norm with its ReLU, max-pooling. They compute in
bfloat16 and add up in float32. Everything else, and every other device, has PyTorch's operators.

Tensors are taken as rows, (N L, C): time points of all series one after the other, channels last.
"""
