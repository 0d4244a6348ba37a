import pytest
import torch

from tsconv.networks.heads import POOLINGS, Head


def make_head(**options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Head(6, 3, **options)


def draw_features(n_instances=8):
    """Alike but for a twentieth of their value."""
    generator = torch.Generator().manual_seed(0)
    return 1 + 0.05 * torch.rand(n_instances, 6, 1, generator=generator).expand(-1, -1, 9)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_logits_of_a_standardising_head_tell_series_apart_that_hardly_differ(pooling):
    plain, standardising = make_head(pooling=pooling), make_head(pooling=pooling, standardise=True)

    features = draw_features()

    assert plain(features).std(dim=0).max() < 0.05
    assert standardising(features).std(dim=0).min() > 0.5


def test_a_standardising_head_depends_neither_on_level_nor_on_scale_of_its_features():
    head, features = make_head(standardise=True), draw_features()

    torch.testing.assert_close(head(100 * features + 7), head(features), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("standardise", [False, True])
def test_weight_and_bias_make_the_logits_of_pooled_features_once_trained(standardise):
    head, features = make_head(standardise=standardise), draw_features()
    for _ in range(3):
        head(features)
    head.eval()

    weight, bias = head.as_weight_and_bias()

    logits = features.mean(-1) @ weight.t() + bias
    torch.testing.assert_close(logits, head(features), rtol=1e-4, atol=1e-4)


def test_padding_counts_no_more_than_without_a_norm():
    head, features = make_head(standardise=True), draw_features(3)
    lengths = torch.tensor([9, 4, 1])
    padded = torch.where(torch.arange(9) < lengths[:, None, None], features, 0)

    torch.testing.assert_close(head(padded, lengths), head(features), rtol=1e-3, atol=1e-4)


def test_a_single_series_may_be_trained_on():
    head = make_head(standardise=True)

    assert head(draw_features(1)).isfinite().all()


def test_an_unknown_pooling_says_which_there_are():
    with pytest.raises(ValueError, match=r"expected pooling mean or max or last, found 'median'"):
        make_head(pooling="median")
