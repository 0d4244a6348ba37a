import torch

from tsconv.layers.layout import as_rows, from_rows, fused_layers, is_fused, side_by_side


def series(*shape):
    return torch.arange(torch.Size(shape).numel()).view(shape)


def test_rows_are_positions_and_go_back():
    x = series(2, 3, 5)

    rows = as_rows(x)

    assert rows.shape == (10, 3)
    assert torch.equal(from_rows(rows, x), x)


def test_rows_of_what_came_from_rows_are_a_view():
    x = from_rows(as_rows(series(2, 3, 5)), series(2, 3, 5))

    assert as_rows(x).data_ptr() == x.data_ptr()


def test_side_by_side_joins_channels():
    a, b = series(2, 3, 5), -series(2, 1, 5)

    assert torch.equal(side_by_side(a, b), torch.cat([a, b], dim=1))


def test_layers_are_fused_unless_told_otherwise_and_only_there():
    with fused_layers(False):
        within = is_fused()

    assert is_fused()
    assert not within
