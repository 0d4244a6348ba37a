"""Compiles kernels for a Hopper GPU, which need not be there, and tells how wide they load.

    python compiled.py

Prints a JSON object: for each kernel, the widths of its loads from the device's memory.
"""

import json
import re

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from tsconv.layers.gpu import batch_norm, inception, max_pool

BFLOAT16 = ("x", "y", "grads", "result", "narrow", "early", "late")
FLOAT32 = ("parts", "used", "running_mean", "weight", "bias", "sums", "bottleneck", "pooled")
NORM = {"C": 128, "WIDTH": 128, "ROWS": 32, "inside": None}
ENTRANCE = {"C": 128, "B": 32, "D": 32, "C_WIDTH": 128, "B_WIDTH": 32, "D_WIDTH": 32}
POOL = {"C": 128, "BLOCK": 1024, "inside": None}
KERNELS = {
    "measure": (batch_norm._measure, NORM),
    "apply": (batch_norm._apply, {**NORM, "rectify": True}),
    "measure_grads": (batch_norm._measure_grads, {**NORM, "rectify": True}),
    "apply_grads": (batch_norm._apply_grads, {**NORM, "rectify": True}),
    "enter": (inception._enter, {**ENTRANCE, "ROWS": 64, "inside": None}),
    "entrance_grad_input": (inception._grad_input, {**ENTRANCE, "ROWS": 64, "inside": None}),
    "pool": (max_pool._forward, POOL),
    "pool_grads": (max_pool._backward, POOL),
}


def widths(kernel, constants):
    names = kernel.arg_names
    kinds = dict.fromkeys(BFLOAT16, "*bf16") | dict.fromkeys(FLOAT32, "*fp32")
    kinds |= dict.fromkeys(constants, "constexpr")
    aligned = [["tt.divisibility", 16]]
    source = ASTSource(
        fn=kernel,
        signature={name: kinds.get(name, "i32") for name in names},
        constexprs=constants,
        attrs={
            (place,): aligned
            for place, name in enumerate(names)
            if name == "stride" or name in (*BFLOAT16, *FLOAT32)
        },
    )
    ptx = triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["ptx"]
    return sorted(set(re.findall(r"ld\.global(\.\S+)", ptx)))


if __name__ == "__main__":
    print(json.dumps({name: widths(*each) for name, each in KERNELS.items()}))
