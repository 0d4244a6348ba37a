import pytest
import torch

from tsconv.layers.prepared import rectify_

each_type = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


def random(*shape, dtype):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)).to(dtype)


@each_type
def test_rectified_values_are_those_of_relu(dtype):
    x = torch.cat([random(1000, dtype=dtype), torch.tensor([0.0, -0.0, torch.inf]).to(dtype)])
    expected = x.relu()

    assert torch.equal(rectify_(x), expected)
