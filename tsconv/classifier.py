"""Fit an ensemble to a dataset, in memory: no paths, no printing, no test part."""

import inspect
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tsconv.config import Config
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import Schema
from tsconv.data.preprocessing import Preprocessing, fit_preprocessing
from tsconv.data.split import split
from tsconv.errors import ConfigError, DataError
from tsconv.hints import check, hints_of
from tsconv.networks import NETWORKS, Network
from tsconv.registry import did_you_mean
from tsconv.training.batches import Batch, as_batch
from tsconv.training.checkpoint import Keeper
from tsconv.training.distributed import Group
from tsconv.training.inference import infer_proba
from tsconv.training.loop import EpochRecord, Task, Watch
from tsconv.training.losses import weigh_classes
from tsconv.training.members import Trainee, train_members
from tsconv.training.precision import Arithmetic, choose_arithmetic
from tsconv.training.seeding import Draws, seeded
from tsconv.training.selection import Selected

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Member:
    """One trained network of an ensemble.

    Attributes:
        index: which member, from 0; with the seed it decides every random number.
        network: in eval mode.
        selected: what chose its weights.
        history: an entry an epoch.
        taken_up: how often its training was left and taken up again.
    """

    index: int
    network: Network
    selected: Selected
    history: tuple[EpochRecord, ...] = ()
    taken_up: int = 0


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A trained ensemble with all that it needs to classify new series.

    Attributes:
        members: in order of their index; probabilities are their mean.
        classes: label strings, in the order of the columns of probabilities.
        channels: names of the channels, () where the training data named none.
        preprocessing: fitted on the training part.
        config: resolved, so that it repeats this training.
        schema: how tables were read, for tables to come.
    """

    members: tuple[Member, ...]
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    preprocessing: Preprocessing
    config: Config
    schema: Schema

    def arithmetic(self) -> Arithmetic:
        """What the ensemble was trained with, or the best of this machine if it has not that."""
        training = self.config.training
        try:
            return choose_arithmetic(training.device, training.precision)
        except ConfigError as error:
            here = choose_arithmetic()
            logger.info("%s: using %s, %s instead", error, here.device, here.dtype)
            return here

    def member_proba(
        self, dataset: TimeSeriesDataset, arithmetic: Arithmetic | None = None
    ) -> NDArray[np.float64]:
        """Probabilities by each member, (M, N, K); labels are not needed and not looked at.

        Args:
            dataset: raw series, as training took them.
            arithmetic: where and in what precision to compute, :meth:`arithmetic` unless given.

        Raises:
            DataError: other channels than in training, or infinite values.
        """
        arithmetic = arithmetic or self.arithmetic()
        dataset = dataset.with_channels(self.channels)
        batch = as_batch(self.preprocessing.transform(dataset))
        return np.stack(
            [
                infer_proba(member.network.to(arithmetic.device), batch, arithmetic)
                for member in self.members
            ]
        )

    def predict_proba(self, dataset: TimeSeriesDataset) -> NDArray[np.float64]:
        """Mean of the members' probabilities, (N, K)."""
        mean: NDArray[np.float64] = self.member_proba(dataset).mean(axis=0)
        return mean

    def predict(self, dataset: TimeSeriesDataset) -> NDArray[np.object_]:
        """The most probable label of each series, (N,) strings; of equals the first."""
        first = self.predict_proba(dataset).argmax(axis=1)
        labels: NDArray[np.object_] = np.array(self.classes, dtype=object)[first]
        return labels


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What the members of one ensemble share: made once, then each member is trained from it."""

    classes: tuple[str, ...]
    channels: tuple[str, ...]
    preprocessing: Preprocessing
    config: Config
    schema: Schema
    arithmetic: Arithmetic
    data: Batch
    valid: Batch | None
    class_weights: Tensor | None
    group: Group = field(default_factory=Group)

    def build_network(self) -> Network:
        """An untrained network of the config's kind."""
        return build_network(self.config, self.preprocessing.n_channels, len(self.classes))

    def classifier(self, members: tuple[Member, ...]) -> Classifier:
        """The ensemble of these members."""
        return Classifier(
            members=members,
            classes=self.classes,
            channels=self.channels,
            preprocessing=self.preprocessing,
            config=self.config,
            schema=self.schema,
        )


def fit(
    dataset: TimeSeriesDataset,
    config: Config,
    *,
    valid: TimeSeriesDataset | None = None,
    watch: Watch | None = None,
) -> Classifier:
    """Train an ensemble.

    Args:
        dataset: the training part, labelled.
        config: see :class:`tsconv.config.Config`.
        valid: a validation part; without it, ``config.valid_fraction`` of ``dataset`` is held out.
        watch: who is told how it goes.

    Raises:
        DataError: data that cannot be trained on.
        ConfigError: settings that contradict each other or the network's constructor.
        TrainingError: the loss is not finite.
    """
    preparation = prepare(dataset, config, valid=valid)
    members = fit_members(preparation, range(config.members), watch=watch)
    return preparation.classifier(tuple(sorted(members, key=lambda member: member.index)))


def prepare(
    dataset: TimeSeriesDataset,
    config: Config,
    *,
    valid: TimeSeriesDataset | None = None,
    schema: Schema | None = None,
    group: Group | None = None,
) -> Preparation:
    """Check the data and settings, fit preprocessing, resolve what was left open.

    Args:
        dataset: the training part, labelled.
        config: see :class:`tsconv.config.Config`.
        valid: a validation part; without it, ``config.valid_fraction`` of ``dataset`` is held out.
        schema: how the data were read, for tables to come.
        group: the processes that train each member together, each of which calls this; None for
            this process alone.

    Raises:
        DataError: data that cannot be trained on.
        ConfigError: settings that contradict each other or the network's constructor, or more
            processes than series in a batch.
    """
    group = group or Group()
    _check_trainable(dataset)
    if valid is None and config.valid_fraction > 0:
        dataset, valid = split(dataset, config.valid_fraction, config.seed)
    if valid is None:
        _refuse_needing_valid(config)
    elif config.training.select != "valid_loss":
        logger.info(
            "the validation part is only watched: weights are selected by %s; for the lowest "
            "validation loss --set training.select=valid_loss",
            config.training.select,
        )
    preprocessing = fit_preprocessing(dataset, config.preprocessing)
    _try_network(config, dataset.n_channels, dataset.n_classes)
    config = resolve_network(config, dataset.n_timepoints)
    group.refuse_idle(min(config.training.batch_size, dataset.n_instances))
    arithmetic = choose_arithmetic(
        config.training.device, config.training.precision, local_rank=group.place.local_rank
    )
    logger.info("%s: %s, %s", arithmetic.device, arithmetic.dtype, arithmetic.reason)
    ready = None
    if valid is not None:
        valid = valid.with_channels(dataset.channels).with_classes(dataset.classes)
        ready = as_batch(preprocessing.transform(valid)).to(arithmetic.device)
    return Preparation(
        classes=dataset.classes,
        channels=dataset.channels,
        preprocessing=preprocessing,
        config=config,
        schema=schema or Schema(),
        arithmetic=arithmetic,
        data=as_batch(preprocessing.transform(dataset)).to(arithmetic.device),
        valid=ready,
        class_weights=_class_weights(dataset, config, arithmetic.device),
        group=group,
    )


def fit_members(
    preparation: Preparation,
    indices: Iterable[int],
    *,
    watch: Watch | None = None,
    at_once: int | None = None,
    keeper: Keeper | None = None,
) -> Iterator[Member]:
    """Train some members, and give each when it is done, which need not be in order.

    Args:
        preparation: what they share.
        indices: which members.
        watch: who is told how it goes.
        at_once: most members trained together, None for what suits the device. It decides how long
            all take, and nothing else.
        keeper: saves members under way, and takes up those that were left.

    Raises:
        TrainingError: the loss of a member is not finite.
        Stopped: the watch asked for it.
    """
    indices, watch = tuple(indices), watch or Watch()
    watch.on_begin(indices)
    task = Task(
        data=preparation.data,
        config=preparation.config.training,
        arithmetic=preparation.arithmetic,
        class_weights=preparation.class_weights,
        valid=preparation.valid,
        watch=watch,
        group=preparation.group,
    )
    trainees = (_begin_member(preparation, index) for index in indices)
    for outcome in train_members(trainees, task, at_once=at_once, keeper=keeper):
        yield Member(
            index=outcome.trainee.member,
            network=cast(Network, outcome.trainee.network),
            selected=outcome.selected,
            history=tuple(outcome.progress.history),
            taken_up=outcome.progress.taken_up,
        )


def _begin_member(preparation: Preparation, index: int) -> Trainee:
    device = preparation.arithmetic.device
    draws = Draws(preparation.config.seed, index, device)
    with draws.active():
        network = preparation.build_network().to(device)
    preparation.group.align(network)
    return Trainee(index, network, draws)


def restore_member(
    classifier: "Preparation | Classifier",
    index: int,
    weights: Mapping[str, Tensor],
    *,
    selected: Mapping[str, Any],
    history: Iterable[Mapping[str, Any]] = (),
) -> Member:
    """A member of that ensemble from what was stored of it, on the CPU and in eval mode.

    Args:
        classifier: says what network the weights belong to; its own members do not matter.
        index: which member.
        weights: the network's state dict.
        selected: the fields of a :class:`Selected`.
        history: the fields of each :class:`EpochRecord`.

    Raises:
        RuntimeError: the weights are those of another network.
        TypeError: fields that do not exist, or are missing.
    """
    n_channels, n_classes = classifier.preprocessing.n_channels, len(classifier.classes)
    with seeded(0, index, torch.device("cpu")):  # drawn and dropped: leave the caller's state alone
        network = build_network(classifier.config, n_channels, n_classes)
    network.load_state_dict(weights)
    return Member(
        index=index,
        network=network.eval(),
        selected=Selected(**selected),
        history=tuple(EpochRecord(**record) for record in history),
    )


def resolve_network(config: Config, n_timepoints: int) -> Config:
    """The config with the options that the network chooses from the series' length written out."""
    options = NETWORKS.get(config.network.name).options_for(n_timepoints, config.network.options)
    return replace(config, network=replace(config.network, options=options))


def build_network(config: Config, n_channels: int, n_classes: int) -> Network:
    """An untrained network.

    Raises:
        ConfigError: an option its constructor does not know or take.
    """
    cls, options = NETWORKS.get(config.network.name), config.network.options
    known, hints = tuple(inspect.signature(cls).parameters)[2:], hints_of(cls.__init__)
    for name, value in options.items():
        if name not in known:
            raise ConfigError(
                f"unknown setting network.options.{name}{did_you_mean(name, known)}; "
                f"{config.network.name} has: {', '.join(known)}"
            )
        check(f"network.options.{name}", value, hints.get(name, Any))
    try:
        network = cls(n_channels, n_classes, **options)
    except ValueError as error:  # as networks tell what they do not take
        raise ConfigError(f"network {config.network.name}: {error}") from error
    except (TypeError, RuntimeError, ArithmeticError) as error:
        raise ConfigError(f"network {config.network.name} with {options}: {error}") from error
    network.fused = config.training.fused
    return network


def _try_network(config: Config, n_channels: int, n_classes: int) -> None:
    """Refuse options that cannot work now, not after an hour."""
    with seeded(config.seed, 0, torch.device("cpu")), torch.inference_mode():
        network = build_network(config, n_channels, n_classes).eval()
        try:
            network(torch.zeros(1, n_channels, 2))
        except (TypeError, ValueError, RuntimeError) as error:
            options = config.network.options
            raise ConfigError(f"network {config.network.name} with {options}: {error}") from error


def _check_trainable(dataset: TimeSeriesDataset) -> None:
    if dataset.y is None:
        raise DataError(f"{dataset.name}: expected a label for each series, found none")
    present = np.unique(dataset.y)
    if len(present) < 2:
        raise DataError(
            f"{dataset.name}: found {dataset.n_instances} instances of the one class "
            f"{dataset.classes[present[0]]!r}; expected two classes or more"
        )
    if len(present) < dataset.n_classes:
        absent = next(k for k in range(dataset.n_classes) if k not in present)
        logger.warning("%s: class %s has no instance", dataset.name, dataset.classes[absent])


def _refuse_needing_valid(config: Config) -> None:
    needy = {
        "training.select=valid_loss": config.training.select == "valid_loss",
        f"training.patience={config.training.patience}": config.training.patience is not None,
    }
    for setting, needs in needy.items():
        if needs:
            raise ConfigError(
                f"{setting}: expected a validation part, found none; "
                "give --valid-fraction 0.2 or --valid PATH"
            )


def _class_weights(
    dataset: TimeSeriesDataset, config: Config, device: torch.device
) -> Tensor | None:
    given = config.training.class_weight
    if given is None or dataset.y is None:
        return None
    weights = weigh_classes(dataset.y, dataset.classes, given)
    return torch.tensor(weights, dtype=torch.float32, device=device)
