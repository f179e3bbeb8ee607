import gc
import json
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from weakref import ref

import numpy as np
import pytest

from aftercart.errors import ModelError
from aftercart.recommendation.asking.question import Question, parts_of
from aftercart.recommendation.inputs.dataset import Interactions
from aftercart.recommendation.learning.lesson import learn, started
from aftercart.recommendation.models import files
from aftercart.recommendation.models.blend import Blend, Component
from aftercart.recommendation.models.lightfm_model import Recipe
from aftercart.recommendation.models.model import Model
from aftercart.recommendation.ranking.scoring import by_lightfm

RECIPE = Recipe(components=8, epochs=4)


@pytest.fixture(scope="module")
def model(past: Interactions) -> Model:
    return learn(past, "v1", seed=1, budget=started(None), progress=lambda *_: None, recipe=RECIPE).model


def test_saving_and_loading_changes_nothing(model: Model, past: Interactions, tmp_path: Path) -> None:
    loaded = files.load(tmp_path, "v1", files.save(model, tmp_path))
    questions = [Question((product.sku,), history=("Road-Pump-0",)) for product in past.products]
    assert by_lightfm(loaded, questions, {}, 9) == by_lightfm(model, questions, {}, 9)
    assert [*loaded.products] == [*model.products]
    assert loaded.evidence.orders_together(0, 2) == model.evidence.orders_together(0, 2)


def test_arrays_are_mapped_and_cannot_be_changed(model: Model, tmp_path: Path) -> None:
    loaded = files.load(tmp_path, "v1", files.save(model, tmp_path))
    assert loaded.learned is not None
    assert isinstance(loaded.linear.base, np.memmap)
    assert np.shares_memory(loaded.learned.embeddings.item, loaded.linear)
    assert isinstance(loaded.votes.items.base, np.memmap)
    assert np.shares_memory(loaded.evidence.pair_items, loaded.votes.items)
    assert not loaded.learned.embeddings.item.flags.writeable
    assert isinstance(loaded.catalog.text.base, np.memmap), "of the products, too"


def test_a_model_that_nobody_uses_any_more_lets_go_of_its_files_at_once(model: Model, tmp_path: Path) -> None:
    """Workers hardly ever look for cycles: those of last week's models would stay mapped beside tonight's."""
    loaded = files.load(tmp_path, model.version, files.save(model, tmp_path))
    one, other = (product.sku for product in loaded.products[:2])
    assert not loaded.are_misfits(one, other)
    parts = [ref(part) for part in (loaded, loaded.products, loaded.evidence, loaded.categories)]
    gc.disable()
    try:
        del loaded
        assert [part() for part in parts] == [None] * len(parts)
    finally:
        gc.enable()


def test_a_model_of_the_format_before_serves_on_after_an_upgrade(
    model: Model, past: Interactions, tmp_path: Path
) -> None:
    loaded = files.load(tmp_path, "v1", saved_as_before(model, tmp_path))
    questions = [Question((product.sku,), history=("Road-Pump-0",)) for product in past.products]
    assert by_lightfm(loaded, questions, {}, 9) == by_lightfm(model, questions, {}, 9)
    assert [*loaded.products] == [*model.products]


def saved_as_before(model: Model, models_dir: Path) -> str:
    """In format 3: products as JSON, and an array for each part of the model."""
    files.save(model, models_dir)
    folder, learned, evidence = models_dir / "v1", model.learned, model.evidence
    assert learned is not None
    assert learned.following is not None
    for pattern in ("catalog.*", "*spread.*", "votes.*", "linear.*", "bought_once.*"):
        for file in folder.glob(pattern):
            file.unlink()
    for of, embeddings in (("", learned.embeddings), ("following.", learned.following)):
        np.save(folder / f"{of}item.npy", embeddings.item)
        np.save(folder / f"{of}item_bias.npy", embeddings.item_bias)
    for name, links in learned.links.items():
        for part in ("pointers", "items", "weights"):
            np.save(folder / f"{name}.{part}.npy", getattr(links, part))
    for name in ("pair_pointers", "pair_items", "pair_weights"):
        np.save(folder / f"{name}.npy", getattr(evidence, name))
    (folder / "catalog.json").write_text(json.dumps([asdict(product) for product in model.products]))
    meta = json.loads((folder / "meta.json").read_text())
    kept = {file.name: sha256(file.read_bytes()).hexdigest() for file in folder.iterdir() if file.name != "meta.json"}
    (folder / "meta.json").write_text(json.dumps({**meta, "format": 3, "sha256": kept}))
    return sha256((folder / "meta.json").read_bytes()).hexdigest()


def test_a_model_that_was_learned_without_a_kind_of_evidence_serves_on_without_it(
    model: Model, past: Interactions, tmp_path: Path
) -> None:
    checksum = saved_with_weights_of(9, model, tmp_path)
    loaded = files.load(tmp_path, "v1", checksum)
    questions = [Question((product.sku,), history=("Road-Pump-0",)) for product in past.products]
    told = parts_of((ranking, 1) for ranking in by_lightfm(loaded, questions, {}, 9))
    same = parts_of((ranking, 1) for ranking in by_lightfm(without_again(model), questions, {}, 9))
    assert told == same
    assert "again" not in told[0]


def test_weights_of_fewer_kinds_than_there_ever_were_are_refused(model: Model, tmp_path: Path) -> None:
    checksum = saved_with_weights_of(8, model, tmp_path)
    with pytest.raises(ModelError, match="of another version"):
        files.load(tmp_path, "v1", checksum)


def saved_with_weights_of(columns: int, model: Model, models_dir: Path) -> str:
    files.save(model, models_dir)
    folder = models_dir / "v1"
    meta = json.loads((folder / "meta.json").read_text())
    meta["blend"] = {purpose: [row[:columns] for row in rows] for purpose, rows in meta["blend"].items()}
    (folder / "meta.json").write_text(json.dumps(meta))
    return sha256((folder / "meta.json").read_bytes()).hexdigest()


def without_again(model: Model) -> Model:
    learned = model.learned
    assert learned is not None
    weights = {purpose: matrix.copy() for purpose, matrix in learned.blend.weights.items()}
    for matrix in weights.values():
        matrix[:, Component.AGAIN.place] = 0
    return replace(model, learned=replace(learned, blend=Blend(weights)))


@pytest.mark.parametrize("name", ["linear.npy", "votes.items.npy", "pair_counts.npy", "catalog.keys.npy", "meta.json"])
def test_a_damaged_file_is_refused_by_name(model: Model, tmp_path: Path, name: str) -> None:
    checksum = files.save(model, tmp_path)
    file = tmp_path / "v1" / name
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelError, match=name):
        files.load(tmp_path, "v1", checksum)


def test_a_missing_file_or_folder_is_refused(model: Model, tmp_path: Path) -> None:
    checksum = files.save(model, tmp_path)
    (tmp_path / "v1" / "anchor.npy").unlink()
    with pytest.raises(ModelError, match=r"anchor\.npy"):
        files.load(tmp_path, "v1", checksum)
    with pytest.raises(ModelError, match="aftercart train"):
        files.load(tmp_path, "v2", checksum)


def test_no_file_can_carry_code(model: Model, tmp_path: Path) -> None:
    """An array of objects would be a pickle, and a pickle runs what it carries."""
    learned = model.learned
    assert learned is not None
    objects = np.array([[{"run": "me"}]], dtype=object)
    with pytest.raises(ValueError, match="pickle"):
        files.save(
            replace(model, learned=replace(learned, embeddings=replace(learned.embeddings, anchor=objects))), tmp_path
        )


def test_an_unfinished_version_is_never_visible(model: Model, tmp_path: Path) -> None:
    files.save(model, tmp_path)
    files.save(model, tmp_path)
    assert [folder.name for folder in tmp_path.iterdir()] == ["v1"]


def test_old_versions_go_but_never_the_one_in_use(model: Model, tmp_path: Path) -> None:
    for number in range(1, 9):
        files.save(replace(model, version=f"v{number}"), tmp_path)
    files.prune(tmp_path, keep=frozenset({"v1"}))
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["v1", "v4", "v5", "v6", "v7", "v8"]
