"""The same without compiled loops."""

import pytest

from tsconv.layers.cpu import choice


def by_operators(function):
    """What a function gives where layers have PyTorch's operators alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "reason_against", lambda: "not now")
        return function()
