"""Model cards and bills of materials: what is known is said, and what is not known is said as unknown."""

import json
from dataclasses import replace

import pytest
from hydatis_lifecycle.adapters.bill_of_materials import bill_of_materials, installed_packages
from hydatis_lifecycle.adapters.card_pages import card_html, card_markdown
from hydatis_lifecycle.cards.card import CardContext, Figure, card_of
from hydatis_lifecycle.cards.components import Package, closure
from hydatis_lifecycle.cards.kinds import PURPOSES
from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord
from hydatis_lifecycle.manifest import KINDS
from hydatis_lifecycle.signing.statement import artifact_digest

RAW = Entity(EntityKind.DATASET, "bitbrains", f"sha256:{'1' * 64}", "1.2.0")
ROWS = Entity(EntityKind.FEATURES, "node-table", f"sha256:{'2' * 64}")


@pytest.fixture
def lineage():
    return (StepRecord("build-dataset", "run-1", (RAW,), (ROWS,), 1.0, 2.0, code_version="0.1.0"),)


@pytest.fixture
def manifest(make_manifest):
    saved = {"loss_saved_ratio": 0.12, "loss_saved_low": 0.08, "loss_saved_high": 0.15, "reward": 0.25}
    return make_manifest(metrics=saved)


def test_every_kind_of_model_has_words_about_use_and_limits():
    assert set(PURPOSES) == set(KINDS)
    assert all(purpose.intended and purpose.not_intended and purpose.limits for purpose in PURPOSES.values())


def test_ends_of_an_interval_belong_to_their_figure(manifest):
    assert card_of(manifest, CardContext()).figures == (
        Figure("loss_saved_ratio", 0.12, (0.08, 0.15)),
        Figure("reward", 0.25, None),
    )


def test_a_card_says_what_nobody_knows(make_manifest):
    card = card_of(make_manifest(), CardContext())
    assert len(card.unknown) == 5
    text = card_markdown(card)
    assert text.count("* Not known: ") == 5
    assert "Quality scores: unknown." in text
    assert "Unknown: lineage has no record of this artifact." in text
    assert "| reward | 0.25 | unknown |" in text


def test_a_card_of_which_everything_is_known_says_so(manifest, lineage):
    context = CardContext(signer="ab" * 32, stage="production", lineage=lineage, quality={"completeness": (0.987, 1000)})
    card = card_of(manifest, context)
    assert card.unknown == ()
    for text in (card_markdown(card), card_html(card)):
        assert "Not known" not in text
        assert "0.9870" in text
        assert "bitbrains 1.2.0" in text
        assert "0.08 .. 0.15" in text
        assert artifact_digest(manifest) in text


def test_what_comes_from_a_model_is_text_on_the_page_and_not_markup(make_manifest):
    card = card_of(make_manifest(parameters={"note": "<script>alert(1)</script>"}), CardContext())
    assert "<script>" not in card_html(card)
    assert "&lt;script&gt;" in card_html(card)


def test_long_parameters_are_counted_and_short_ones_shown(make_manifest):
    card = card_of(make_manifest(parameters={"curve": list(range(9)), "hidden": [64, 64]}), CardContext())
    assert card.parameters == (("curve", "9 entries"), ("hidden", "[64, 64]"))


def test_a_closure_follows_extras_and_leaves_out_what_is_not_installed():
    nothing = frozenset()
    told = {
        ("a", frozenset({"x"})): ("1", (("b", nothing), ("c", nothing))),
        ("a", nothing): ("1", (("b", nothing),)),
        ("b", nothing): ("2", (("a", nothing), ("gone", nothing))),
        ("c", nothing): ("3", ()),
    }
    assert closure([("a", frozenset({"x"}))], told.get) == (
        Package("a", "1", ("b", "c")),
        Package("b", "2", ("a",)),
        Package("c", "3", ()),
    )


def test_the_packages_of_a_room_are_those_it_asks_for_here():
    found = {package.name: package for package in installed_packages("hydatis-lifecycle[signing]")}
    assert {"hydatis-lifecycle", "hydatis-core", "numpy", "cryptography"} <= found.keys()
    assert "mlflow-skinny" not in found
    assert "cryptography" in found["hydatis-lifecycle"].needs


def test_a_bill_holds_model_files_data_and_packages_and_passes_the_schema(manifest, lineage):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    packages = (Package("numpy", "2.0"), Package("xgboost-cpu", "3.2", ("numpy",)))
    text = bill_of_materials(manifest, packages, lineage, time_seconds=1.7e9, signer="ab" * 32)
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace("machine-learning-model", "miracle")) is not None
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"], bill["metadata"]["timestamp"][:10]) == ("CycloneDX", "1.6", "2023-11-14")
    model = bill["metadata"]["component"]
    assert (model["type"], model["name"], model["version"]) == ("machine-learning-model", "placement-policy", "1.0.0")
    assert model["hashes"] == [{"alg": "SHA-256", "content": artifact_digest(manifest).removeprefix("sha256:")}]
    assert [file["name"] for file in model["components"]] == ["settings.json", "weights.npz"]
    assert [(one["type"], one["name"], one["version"]) for one in bill["components"]] == [
        ("data", "bitbrains", "1.2.0"),
        ("library", "numpy", "2.0"),
        ("library", "xgboost-cpu", "3.2"),
    ]
    assert bill_of_materials(manifest, packages, lineage, time_seconds=1.7e9, signer="ab" * 32) == text


def test_without_lineage_the_bill_names_the_dataset_of_the_manifest(manifest):
    known = replace(manifest, dataset_version=f"sha256:{'3' * 64}")
    (data,) = json.loads(bill_of_materials(known, (), (), time_seconds=1.0))["components"]
    assert (data["type"], data["hashes"][0]["content"]) == ("data", "3" * 64)
