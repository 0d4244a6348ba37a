import pytest
import torch
from test_inception import TINY, make_network, random, shake

SIZES = {"as in the paper": {}, "tiny": TINY, "no bottleneck": {**TINY, "bottleneck": 0}}


@pytest.mark.parametrize("options", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("length", [1, 2, 7, 150])
def test_prepared_logits_are_those_of_the_network(options, n_channels, length):
    network, x = shake(make_network(n_channels, 3, **options)), random(5, n_channels, length)

    with torch.no_grad():
        logits, expected = network.prepared(torch.float32)(x, None), network(x)

    assert torch.allclose(logits, expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize("options", SIZES.values(), ids=SIZES)
def test_prepared_logits_of_a_padded_series_are_those_of_the_series_alone(options):
    network, x = shake(make_network(2, 3, **options)), random(4, 2, 60)
    lengths = torch.tensor([60, 1, 33, 59])
    x[1, :, 1:] = torch.nan  # whatever lies after the end

    with torch.no_grad():
        logits = network.prepared(torch.float32)(x, lengths)

        for series, length, mine in zip(x, lengths, logits, strict=True):
            alone = network(series[None, :, :length])[0]
            assert torch.allclose(mine, alone, rtol=1e-5, atol=1e-5 * alone.abs().max().item())


def test_bfloat16_logits_are_those_of_float32_but_for_rounding():
    network, x = shake(make_network(1, 3)), random(8, 1, 150)

    with torch.no_grad():
        logits, expected = network.prepared(torch.bfloat16)(x, None), network(x)

    assert (logits - expected).norm() < 0.02 * expected.norm()


def test_lengths_may_change_from_call_to_call():
    network = shake(make_network())
    predict = network.prepared(torch.float32)

    with torch.no_grad():
        for length in (40, 20, 30, 40, 10):
            x = random(2, 1, length)
            assert torch.allclose(predict(x, None), network(x), rtol=1e-4)


def test_without_fused_layers_nothing_is_prepared():
    network = make_network(**TINY)
    network.fused = False

    assert network.prepared(torch.float32) is None
