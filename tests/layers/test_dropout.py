import pytest
import torch

from tsconv.layers.dropout import Dropout


@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_values_are_dropped_as_often_as_asked_and_the_others_scaled_to_make_up_for_it(p, dtype):
    torch.manual_seed(0)
    x = torch.ones(50, 40, 51, dtype=dtype)

    y = Dropout(p)(x)

    assert (y == 0).double().mean() == pytest.approx(p, abs=0.01)
    assert y[y != 0].unique().item() == pytest.approx(1 / (1 - p), rel=0.005)
    assert y.double().mean() == pytest.approx(1, abs=0.03)


def test_neighbours_in_memory_are_dropped_independently():
    torch.manual_seed(0)

    kept = (Dropout(0.5)(torch.ones(100, 8, 64)) != 0).permute(2, 0, 1).flatten().double()

    for lag in (1, 2, 3, 4, 8):
        together = torch.corrcoef(torch.stack([kept[lag:], kept[:-lag]]))[0, 1]
        assert abs(together) < 0.02


def test_the_gradient_passes_where_values_do():
    torch.manual_seed(0)
    x = torch.randn(3, 4, 5, requires_grad=True)

    y = Dropout(0.4)(x)
    y.sum().backward()

    assert torch.equal(x.grad * x.detach(), y.detach())


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_nothing_is_dropped_once_trained(p):
    x = torch.randn(3, 4, 5)

    assert torch.equal(Dropout(p).eval()(x), x)


@pytest.mark.parametrize(("p", "expected"), [(0.0, 1.0), (1.0, 0.0)])
def test_all_or_none_may_be_dropped(p, expected):
    assert (Dropout(p)(torch.ones(2, 3, 4)) == expected).all()
