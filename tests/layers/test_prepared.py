import pytest
import torch
import torch.nn.functional as F

from tsconv.layers.prepared import max_of_three, rectify_

each_type = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


def random(*shape, dtype):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)).to(dtype)


@each_type
def test_rectified_values_are_those_of_relu(dtype):
    x = torch.cat([random(1000, dtype=dtype), torch.tensor([0.0, -0.0, torch.inf]).to(dtype)])
    expected = x.relu()

    assert torch.equal(rectify_(x), expected)


@each_type
@pytest.mark.parametrize("length", [1, 2, 3, 10])
def test_the_largest_of_three_neighbours_is_that_of_max_pooling(dtype, length):
    x = random(length, 4, 5, dtype=dtype).abs()

    y = max_of_three(x)

    expected = F.max_pool1d(x.permute(1, 2, 0).float(), 3, 1, 1).permute(2, 0, 1)
    assert torch.equal(y.float(), expected)
