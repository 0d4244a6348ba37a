import dataclasses

import pytest

from tsconv.config import (
    Config,
    NetworkConfig,
    TrainingConfig,
    from_dict,
    load_config,
    to_dict,
)
from tsconv.errors import ConfigError, UnknownNameError


@pytest.fixture
def recipe(monkeypatch):
    """One recipe, `fast`, whatever the package's own recipes are."""
    values = {"members": 2, "training": {"steps": 10, "lr": 0.01}}
    monkeypatch.setattr("tsconv.config.read_recipe", lambda name: dict(values))


def toml(tmp_path, text):
    path = tmp_path / "run.toml"
    path.write_text(text)
    return path


def test_config_survives_the_way_through_plain_values():
    config = Config(network=NetworkConfig(name="tcn", options={"kernel_size": 3}), seed=4)

    assert from_dict(Config, to_dict(config)) == config


def test_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().seed = 1


def test_whole_number_is_taken_where_a_number_is_expected():
    assert TrainingConfig(steps=1, lr=1).lr == 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sed": 1}, "unknown setting sed, did you mean 'seed'; known: network"),
        ({"lr": 1}, "unknown setting lr, did you mean 'training.lr'; known: network"),
        ({"training": {"steps": 1, "rate": 1}}, "unknown setting training.rate"),
        ({"training": 3}, "training: expected a table of settings, found 3"),
        ({"seed": "one"}, "seed: expected a whole number, found 'one'"),
        ({"seed": True}, "seed: expected a whole number, found True"),
        ({"seed": -1}, "seed: expected a number from 0 to inf, found -1"),
        ({"valid_fraction": 0.95}, "expected a number from 0 to 0.9"),
        ({"valid_fraction": float("nan")}, "expected a number from 0 to 0.9"),
        ({"training": {"steps": 1, "schedule": "warm"}}, "'constant' or 'plateau' or"),
        ({"training": {}}, "found neither epochs nor steps"),
    ],
)
def test_setting_that_does_not_hold_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        from_dict(Config, values)


@pytest.mark.usefixtures("recipe")
def test_later_sources_win(tmp_path):
    path = toml(tmp_path, "members = 3\nseed = 3\nvalid_fraction = 0.3\n[training]\nlr = 0.3\n")

    config = load_config(
        file=path,
        settings={"seed": 4, "valid_fraction": 0.4, "members": None},
        overrides=["valid_fraction=0.5"],
    )

    assert (config.members, config.seed, config.valid_fraction) == (3, 4, 0.5)
    assert (config.training.lr, config.training.steps) == (0.3, 10)
    assert config.recipe == "fast"


@pytest.mark.usefixtures("recipe")
def test_epochs_on_top_of_steps_replace_them(tmp_path):
    by_flag = load_config(overrides=["training.epochs=7"])
    by_file = load_config(file=toml(tmp_path, "[training]\nepochs = 7\n"))

    for config in (by_flag, by_file):
        assert (config.training.epochs, config.training.steps) == (7, None)


@pytest.mark.usefixtures("recipe")
@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("network.name=tcn", "tcn"),
        ('network.name="tcn"', "tcn"),
        ("network.options.kernel_sizes=[3, 5]", {"kernel_sizes": [3, 5]}),
        ("training.clip_norm=none", None),
        ("training.lr = 3e-4", 3e-4),
        ("training.lr=.5", 0.5),
        ("training.lr=1.", 1.0),
        ("training.clip_norm=+.5e1", 5.0),
        ("network.options.dropout=.1", {"dropout": 0.1}),
        ("training.class_weight.a=.5", {"a": 0.5}),
        ("network.name=.5", ".5"),
    ],
)
def test_override_is_toml_or_a_bare_word(override, value):
    config = load_config(overrides=[override])

    section, key = override.partition("=")[0].strip().split(".")[:2]
    assert getattr(getattr(config, section), key) == value


@pytest.mark.usefixtures("recipe")
@pytest.mark.parametrize("text", ["infinity", "NaN", "nan", "1e", "0x", "'.5'"])
def test_override_that_is_no_number_stays_refused(text):
    with pytest.raises(ConfigError, match=r"training\.lr: expected a number"):
        load_config(overrides=[f"training.lr={text}"])


@pytest.mark.usefixtures("recipe")
def test_override_without_a_value_is_refused():
    with pytest.raises(ConfigError, match=r"--set seed: expected section\.key=value"):
        load_config(overrides=["seed"])


@pytest.mark.usefixtures("recipe")
def test_file_that_is_no_toml_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"run\.toml: expected TOML"):
        load_config(file=toml(tmp_path, "seed 3"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recipe = 3", "recipe: expected a text, found 3"),
        ("[network]\nname = ['tcn']", r"network\.name: expected a text, found \['tcn'\]"),
        ("network = 'tcn'", "network: expected a table of settings, found 'tcn'"),
    ],
)
def test_a_name_in_a_file_that_is_no_text_is_refused(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        load_config(file=toml(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training.stps = 3", r"run\.toml: unknown setting training\.stps"),
        ("training.steps = 'x'", r"run\.toml: training\.steps: expected a whole number"),
        ("recipe = 'slow-cooked'", r"run\.toml: unknown recipe 'slow-cooked'"),
    ],
)
def test_a_setting_of_a_file_that_does_not_hold_names_the_file(tmp_path, text, message):
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        load_config(file=toml(tmp_path, text), overrides=["members=3"])


def test_a_flag_that_does_not_hold_is_not_blamed_on_the_file(tmp_path):
    with pytest.raises(ConfigError, match=r"^unknown setting training\.stps"):
        load_config(file=toml(tmp_path, "seed = 3"), overrides=["training.stps=3"])


@pytest.mark.usefixtures("recipe")
def test_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        load_config(file=tmp_path / "none.toml")


def test_unknown_recipe_lists_the_known():
    with pytest.raises(UnknownNameError, match="unknown recipe 'slow-cooked'"):
        load_config("slow-cooked")


@pytest.mark.parametrize(("network", "lr"), [("inception", 0.01), ("tcn", 0.5)])
def test_a_recipe_may_hold_settings_of_one_network(monkeypatch, network, lr):
    values = {"training": {"steps": 10, "lr": 0.01}, "networks": {"tcn": {"training": {"lr": 0.5}}}}
    monkeypatch.setattr("tsconv.config.read_recipe", lambda name: dict(values))

    config = load_config(settings={"network.name": network})

    assert config.training.lr == lr
    assert config.training.steps == 10


def test_what_is_asked_for_wins_over_a_recipe_s_settings_of_one_network(monkeypatch):
    values = {"training": {"steps": 10}, "networks": {"tcn": {"training": {"lr": 0.5}}}}
    monkeypatch.setattr("tsconv.config.read_recipe", lambda name: dict(values))

    config = load_config(overrides=["network.name=tcn", "training.lr=0.25"])

    assert config.training.lr == 0.25


def test_epochs_and_steps_given_together_are_both_kept():
    by_flags = load_config(settings={"training.epochs": 50, "training.steps": 200})
    by_overrides = load_config(overrides=["training.epochs=50", "training.steps=200"])

    for config in (by_flags, by_overrides):
        assert (config.training.epochs, config.training.steps) == (50, 200)


def test_a_budget_given_alone_replaces_the_files(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text("[training]\nepochs = 7\n")

    config = load_config(file=file, overrides=["training.steps=9"])

    assert (config.training.epochs, config.training.steps) == (None, 9)
