import pytest
import torch

from tsconv.layers.layout import fused_layers
from tsconv.layers.max_pool import max_pool as reference

SHAPES = [(3, 5, 17), (2, 1, 1), (2, 3, 2)]


@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("shape", SHAPES)
def test_pooling_and_its_gradients_are_the_references_for_equal_values_too(device, shape, padded):
    from tsconv.layers.gpu.max_pool import max_pool

    n, _, length = shape
    x = torch.randint(0, 4, shape, device=device).float()
    mask = None
    if padded:
        lengths = torch.randint(1, length + 1, (n, 1), device=device)
        mask = (torch.arange(length, device=device) < lengths).unsqueeze(1)
        x = x * mask
    x.requires_grad_()
    with fused_layers(False):
        expected = reference(x, mask)
    grad = torch.randn_like(expected)

    y = max_pool(x, mask)

    assert torch.equal(y, expected)
    ours, theirs = (torch.autograd.grad(each, x, grad)[0] for each in (y, expected))
    torch.testing.assert_close(ours, theirs)
