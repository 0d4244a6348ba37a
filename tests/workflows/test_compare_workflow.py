import io
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tsconv.errors import ConfigError, DataError, UnknownNameError
from tsconv.evaluation.published_results import SHORT, USUAL, list_published, read_published
from tsconv.evaluation.tsml import TsmlResult, dump_result, path_of
from tsconv.workflows.compare import compare
from tsconv.workflows.figures import scatter
from tsconv.workflows.plot import draw_comparison
from tsconv.workflows.typeset import pair_cells, typeset

SETS = ["ArrowHead", "Beef", "Coffee", "ECG200", "GunPoint", "Herring", "Meat", "Wine"]


def make_runs(path, **changes):
    """A collected table: two networks on eight sets of the archive."""
    generator = np.random.default_rng(0)
    rows = [
        {
            "dataset": name,
            "network": network,
            "recipe": "fast",
            "members": 5,
            "resample": 0,
            "seed": 0,
            "accuracy": generator.uniform(0.6, 0.8) + 0.3 * (network == "inception"),
            "log_loss": generator.uniform(0.6, 0.8) - 0.3 * (network == "inception"),
            "failure": None,
        }
        for name in SETS
        for network in ("inception", "tcn")
    ]
    table = pd.DataFrame(rows).assign(**changes)
    table.to_parquet(path) if path.suffix == ".parquet" else table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["runs.csv", "runs.parquet"])
def test_methods_of_a_collected_table_are_its_networks(tmp_path, name):
    result = compare([make_runs(tmp_path / name)])

    assert list(result.summary.index) == ["inception", "tcn"]
    assert result.scores.index.tolist() == SETS
    assert result.friedman is None
    assert result.pairs.iloc[0]["wins"] == 8
    assert result.cliques == ()
    assert json.dumps(result.to_dict(), allow_nan=False)


def test_a_method_is_named_by_all_that_varies(tmp_path):
    one = pd.read_csv(make_runs(tmp_path / "a.csv"))
    path = tmp_path / "both.csv"
    pd.concat([one, one.assign(recipe="paper", members=1)]).to_csv(path, index=False)

    result = compare([path])

    assert set(result.scores) == {
        f"{n} {r}" for n in ("inception", "tcn") for r in ("fast x5", "paper x1")
    }


def test_seeds_are_averaged_and_failures_left_out(tmp_path):
    table = pd.read_csv(make_runs(tmp_path / "a.csv"))
    again = table.assign(seed=1, accuracy=table["accuracy"] + 0.1)
    failed = table.assign(seed=2, accuracy=0.0, failure="no memory")
    path = tmp_path / "all.csv"
    pd.concat([table, again, failed]).to_csv(path, index=False)

    mean = compare([path]).summary["mean"]

    alone = compare([tmp_path / "a.csv"]).summary["mean"]
    np.testing.assert_allclose(mean, alone + 0.05)


def test_one_split_stands_beside_the_same_one_of_many_resamples(tmp_path, caplog):
    one = pd.read_csv(make_runs(tmp_path / "one.csv"))
    parts = [one.assign(resample=k, accuracy=one["accuracy"] - 0.01 * k) for k in range(30)]
    pd.concat(parts).to_csv(tmp_path / "many.csv", index=False)

    result = compare([tmp_path / "one.csv", tmp_path / "many.csv"])

    assert result.scores["tcn"].equals(result.scores["tcn (2)"].rename("tcn"))
    assert len(result.unshared["tcn (2)"]) == 29 * len(SETS)
    assert result.left_out["tcn (2)"].startswith("232 of its runs")
    assert "runs on resamples and seeds that not all methods have are left out: 464" in caplog.text


def test_a_lower_log_loss_is_better(tmp_path):
    result = compare([make_runs(tmp_path / "runs.csv")], metric="log_loss")

    assert not result.higher_is_better
    assert list(result.summary.index) == ["inception", "tcn"]


def test_published_methods_stand_beside_over_shared_sets(tmp_path):
    path = make_runs(tmp_path / "runs.csv")
    table = pd.read_csv(path)
    extra = table.iloc[:2].assign(dataset="NoSuchSet")
    pd.concat([table, extra]).to_csv(path, index=False)

    result = compare([path], against=["published", "published:HC2"], rope=0.01)

    assert set(result.scores) == {"inception", "tcn", *USUAL, "HC2"}
    assert result.scores.index.tolist() == SETS
    assert set(result.dropped) == {"NoSuchSet"}
    assert result.scores["InceptionTime"]["GunPoint"] == 1.0
    shares = result.pairs[["p_better", "p_equal", "p_worse"]].sum(axis=1)
    np.testing.assert_allclose(shares, 1)


def test_sets_of_any_table_that_a_method_lacks_are_told(tmp_path):
    table = pd.read_csv(make_runs(tmp_path / "all.csv"))
    table[table["dataset"] != "Wine"].to_csv(tmp_path / "few.csv", index=False)
    paths = [tmp_path / "few.csv", tmp_path / "all.csv"]

    for tables in (paths, paths[::-1]):
        result = compare(tables, against=["published"])

        assert len(result.dropped) == 1  # published figures on 150 sets more are no loss
        assert len(result.dropped["Wine"]) == 2
        assert result.left_out["Wine"].startswith("lacked by ")


def test_rounded_published_figures_tie_with_as_many_right_answers(tmp_path):
    accuracies = {"DodgerLoopWeekend": 135 / 138, "GunPoint": 137 / 150, "Chinatown": 337 / 343}
    wide = pd.Series(accuracies, name="mine").rename_axis("dataset")
    wide.to_csv(tmp_path / "wide.csv")

    result = compare([tmp_path / "wide.csv"], against=["published:1NN-DTW", "published:ROCKET"])

    draws = {
        frozenset((row["first"], row["second"])): row["draws"]
        for row in result.pairs.to_dict("records")
    }
    assert draws[frozenset(("mine", "1NN-DTW"))] == 2
    assert draws[frozenset(("mine", "ROCKET"))] == 1


def test_resamples_do_not_mix_with_published_figures(tmp_path):
    path = make_runs(tmp_path / "runs.csv", resample=3)

    with pytest.raises(DataError, match="found none to compare"):
        compare([path], against=["published"])


def test_means_of_resamples_stand_beside_published_ones(tmp_path, caplog):
    one = pd.read_csv(make_runs(tmp_path / "one.csv"))
    parts = [one.assign(resample=k, accuracy=one["accuracy"] - 0.01 * k) for k in range(5)]
    pd.concat(parts).to_csv(tmp_path / "many.csv", index=False)

    result = compare([tmp_path / "many.csv"], against=["published-resamples"])

    assert set(result.scores) == {"inception", "tcn", *USUAL}
    mean = parts[2].set_index(["network", "dataset"])["accuracy"]["tcn"]
    assert result.scores["tcn"].to_dict() == pytest.approx(mean.to_dict())
    assert "published means are over 30 resamples, those beside them over 5" in caplog.text
    with pytest.raises(DataError, match=r"found one of ArrowHead.* are --against published"):
        compare([tmp_path / "one.csv"], against=["published-resamples"])


def test_patterns_choose_sets(tmp_path):
    path = make_runs(tmp_path / "runs.csv")

    result = compare([path], datasets=["*o*", "ECG200,Wine"])

    assert result.scores.index.tolist() == ["ArrowHead", "Coffee", "ECG200", "GunPoint", "Wine"]
    with pytest.raises(DataError, match="no set of the tables"):
        compare([path], datasets=["Nothing*"])


def test_sets_are_named_in_any_case_and_a_slip_gets_a_hint(tmp_path):
    path = make_runs(tmp_path / "runs.csv")

    result = compare([path], datasets=["gunpoint", "ARROW*"])

    assert result.scores.index.tolist() == ["ArrowHead", "GunPoint"]
    for slip, meant in (("gunpiont", "GunPoint"), ("ucr112s", "ucr112")):
        with pytest.raises(DataError, match=f"--datasets {slip}: .* did you mean '{meant}'"):
            compare([path], datasets=[slip])


def test_groups_stand_for_their_sets(tmp_path):
    path = make_runs(tmp_path / "runs.csv")
    table = pd.read_csv(path)
    extra = [table.iloc[:2].assign(dataset=name) for name in ("BasicMotions", "My own")]
    pd.concat([table, *extra]).to_csv(path, index=False)

    assert compare([path], datasets=["UCR112"]).scores.index.tolist() == SETS
    assert compare([path], datasets=["uea,My*"]).scores.index.tolist() == ["BasicMotions", "My own"]
    with pytest.raises(DataError, match="--datasets missing: no set"):
        compare([path], datasets=["missing"])


def test_tables_with_a_column_a_method_are_taken_too(tmp_path):
    wide = pd.DataFrame({"dataset": SETS, "mine": np.linspace(0.5, 0.9, 8), "note": "x"})
    wide.to_csv(tmp_path / "wide.csv", index=False)

    result = compare([tmp_path / "wide.csv", make_runs(tmp_path / "runs.csv")])

    assert set(result.scores) == {"mine", "inception", "tcn"}
    assert result.friedman is not None


def test_folders_of_tsml_evals_results_stand_beside_those_of_a_benchmark(tmp_path):
    own = make_runs(tmp_path / "results.csv")
    result = pd.read_csv(own)
    for k, name in enumerate(SETS):
        y_true, proba = np.array([0, 1] * 4), np.tile([0.9, 0.1], (8, 1))
        proba[1 : 2 * (k % 4) : 2] = [0.2, 0.8]
        theirs = TsmlResult(
            dataset=name, classifier="ROCKET", resample=0, y_true=y_true, proba=proba
        )
        path = path_of(tmp_path / "tsml", "ROCKET", name, 0)
        path.parent.mkdir(parents=True)
        path.write_text(dump_result(theirs))

    both = compare([own.parent, tmp_path / "tsml"])

    assert set(both.scores) == {"inception", "tcn", "ROCKET"}
    assert both.scores["ROCKET"].loc[SETS[:4]].tolist() == [0.5, 0.625, 0.75, 0.875]
    mine = result[result["network"] == "tcn"].set_index("dataset")["accuracy"]
    assert both.scores["tcn"].to_dict() == pytest.approx(mine.to_dict())
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"expected a table.*tsml-eval's testResample"):
        compare([tmp_path / "empty"])


def test_equal_names_are_told_apart(tmp_path):
    paths = [make_runs(tmp_path / name) for name in ("a.csv", "b.csv")]

    assert set(compare(paths).scores) == {"inception", "tcn", "inception (2)", "tcn (2)"}


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"metric": "acuracy"}, DataError, "did you mean 'accuracy'"),
        ({"against": ["published:InceptionTim"]}, UnknownNameError, "did you mean"),
        ({"against": ["InceptionTime"]}, ConfigError, "published:NAME"),
        ({"against": ["published"], "metric": "log_loss"}, ConfigError, "are accuracies"),
        ({"against": ["published", "published-resamples:HC2"]}, ConfigError, "give one kind"),
        ({"alpha": 5}, ConfigError, "between 0 and 1"),
        ({"datasets": ["Wine"]}, DataError, "1 sets"),
    ],
)
def test_what_cannot_be_compared_is_told(tmp_path, arguments, error, words):
    with pytest.raises(error, match=words):
        compare([make_runs(tmp_path / "runs.csv")], **arguments)


def test_files_that_are_no_tables_are_told(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    (tmp_path / "binary.parquet").write_bytes(b"\x00\x01")
    for name in ("absent.csv", "empty.csv", "odd.csv", "binary.parquet"):
        with pytest.raises(DataError, match=name):
            compare([tmp_path / name])


def test_every_short_name_is_a_published_column():
    table = read_published(SHORT)

    assert table.notna().any().all()
    assert table["InceptionTime"].count() >= 128
    assert table["InceptionTime"].loc["ECG200"] == 0.93
    assert read_published(["rocket"])["rocket"].notna().any()
    assert list_published()["sets"].max() == 128


def test_figures_are_drawn_and_repeat(tmp_path):
    result = compare([make_runs(tmp_path / "runs.csv")], against=["published"])

    written = draw_comparison(result, tmp_path / "one")
    again = draw_comparison(result, tmp_path / "two")

    assert len(written) == 6
    for one, other in zip(written, again, strict=True):
        assert one.stat().st_size > 1000
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("n_methods", "alpha", "warned"),
    [(2, 0.05, False), (2, 0.005, True), (4, 0.05, False), (5, 0.05, True)],
)
def test_too_few_sets_for_so_many_pairs_are_warned_of(tmp_path, caplog, n_methods, alpha, warned):
    scores = {f"m{k}": np.linspace(0.5, 0.8, 8) + 0.05 * k for k in range(n_methods)}
    pd.DataFrame({"dataset": SETS, **scores}).to_csv(tmp_path / "wide.csv", index=False)

    result = compare([tmp_path / "wide.csv"], alpha=alpha)

    assert ("too few" in caplog.text) == warned == (result.pairs["p_holm"].min() >= alpha)


def test_scores_that_tie_in_the_table_tie_in_the_scatter(tmp_path):
    wide = pd.DataFrame({"dataset": SETS, "a": 2 / 3 + 1e-12, "b": 2 / 3})
    wide.to_csv(tmp_path / "wide.csv", index=False)

    result = compare([tmp_path / "wide.csv"])

    assert result.pairs.iloc[0]["draws"] == 8
    assert scatter(result).axes[0].get_title() == "8 sets: 0 above the line, 8 on it, 0 below"


def test_a_comparison_is_typeset(tmp_path):
    wide = pd.DataFrame({"dataset": SETS, "a_b|c": np.linspace(0.5, 0.9, 8), "tcn": 0.5})
    wide.to_csv(tmp_path / "wide.csv", index=False)
    result = compare([tmp_path / "wide.csv"])

    csv = typeset(result, "csv")
    assert csv.startswith("method,mean,median,mean_rank,wins,cliques\na_b|c,0.7")
    markdown = typeset(result, "markdown").splitlines()
    assert markdown[1] == "| --- | ---: | ---: | ---: | ---: |"
    assert markdown[2].startswith(r"| a_b\|c | 0.7000 |")
    latex = typeset(result, "latex")
    assert r"a\_b|c & 0.7000" in latex
    assert latex.count(r"\\") == 3 + 2


@pytest.mark.parametrize(("form", "between"), [("markdown", " | "), ("latex", " & ")])
def test_every_pair_is_typeset_with_intervals_and_probabilities(tmp_path, form, between):
    result = compare([make_runs(tmp_path / "runs.csv")], against=["published:ROCKET"], rope=0.01)

    text = typeset(result, form)

    for row in result.pairs.to_dict("records"):
        names = between.join((row["first"], row["second"]))
        line = next(line for line in text.splitlines() if names in line)
        assert f"{row['effect_low']:.2f} to {row['effect_high']:.2f}" in line
        assert f"{row['p_better']:.4f}{between}{row['p_equal']:.4f}" in line
    assert f"chi-square {result.friedman.chi_square:.3f}" in text
    assert all(", ".join(clique) in text for clique in result.cliques)


def test_pairs_in_csv_are_complete(tmp_path):
    result = compare([make_runs(tmp_path / "runs.csv")], rope=0.01)

    table = pd.read_csv(io.StringIO(typeset(result, "csv-pairs")))

    pd.testing.assert_frame_equal(table, result.pairs, check_dtype=False)


def test_methods_in_csv_tell_their_cliques(tmp_path):
    result = compare([make_runs(tmp_path / "runs.csv")], against=["published"])

    table = pd.read_csv(io.StringIO(typeset(result, "csv")), dtype=str, keep_default_na=False)

    for number, clique in enumerate(result.cliques, 1):
        members = table.loc[[str(number) in each.split() for each in table["cliques"]], "method"]
        assert tuple(members) == clique


def test_small_probabilities_are_not_shown_as_none(tmp_path):
    wide = pd.DataFrame({"dataset": [f"S{k}" for k in range(20)], "a": 0.9, "b": 0.8})
    wide.to_csv(tmp_path / "wide.csv", index=False)

    _, (row,) = pair_cells(compare([tmp_path / "wide.csv"]))

    assert row[-2:] == ("2e-06", "2e-06")  # 2 ** -19


def test_the_command_compares_and_keeps_words_off_standard_output(tmp_path):
    path = make_runs(tmp_path / "runs.csv")
    command = [sys.executable, "-m", "tsconv", "compare", str(path), "--against", "published"]

    told = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    shown = subprocess.run(
        [*command, "--figures", str(tmp_path / "figures")],
        capture_output=True,
        text=True,
        check=True,
    )
    typo = subprocess.run([*command, "--metric", "x"], capture_output=True, text=True, check=False)

    assert len(json.loads(told.stdout)["summary"]) == 2 + len(USUAL)
    assert shown.stdout.startswith("accuracy over 8 sets")
    assert "figures in" in shown.stderr
    assert (typo.returncode, typo.stdout) == (2, "")
