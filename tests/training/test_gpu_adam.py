import pytest
import torch

from tsconv.config import TrainingConfig
from tsconv.training.optimizers import make_optimizer, set_lr

SHAPES = [(3, 4, 5), (7,), (1030, 3)]


@pytest.fixture
def device():
    pytest.importorskip("triton", reason="needs triton, which is there for Linux alone")
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_steps_are_pytorchs(device, decay):
    from tsconv.training.gpu_adam import Adam

    ours = [torch.randn(each, device=device).requires_grad_() for each in SHAPES]
    theirs = [each.detach().clone().requires_grad_() for each in ours]
    rate = torch.tensor(1e-2, device=device)
    optimizer = Adam(ours, lr=rate, weight_decay=decay, fused=True, capturable=True)
    reference = torch.optim.AdamW(theirs, lr=1e-2, weight_decay=decay)

    for step in range(12):
        set_lr(optimizer, 1e-2 / (step + 1))
        set_lr(reference, 1e-2 / (step + 1))
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        optimizer.step()
        reference.step()

    torch.testing.assert_close(ours, theirs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(
            optimizer.state[one]["exp_avg_sq"].cpu(), reference.state[other]["exp_avg_sq"].cpu()
        )
        assert optimizer.state[one]["step"] == 12


def test_a_parameter_without_a_gradient_stays(device):
    from tsconv.training.gpu_adam import Adam

    used, unused = (torch.ones(3, device=device).requires_grad_() for _ in range(2))
    used.grad = torch.ones_like(used)
    optimizer = Adam([used, unused], lr=torch.tensor(0.1, device=device), fused=True)

    optimizer.step()

    assert (used < 1).all()
    assert (unused == 1).all()
    assert unused not in optimizer.state


def test_a_processor_has_pytorchs_own(device):
    network = torch.nn.Linear(2, 2).to(device)

    optimizer = make_optimizer(network, TrainingConfig(steps=1), in_tensors=True)

    ours = type(optimizer).__module__ == "tsconv.training.gpu_adam"
    assert ours == (device.type == "cuda")
