"""A model as files: one folder per version of plain arrays, mapped into memory so that all workers share one copy.

    models/20260301T100000Z-1f2e3d4c/
        meta.json       format, settings, and the SHA-256 of every other file
        anchor.npy ...  float32 and integer arrays, never pickled
        linear.npy      what is multiplied: rows of products (serving_arrays.py)
        votes.*.npy     what speaks for what, all kinds of links
        catalog.*.npy   the products as they were learned (packed_catalog.py)

A folder is written beside its place and renamed into it: it is there whole or not at all.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aftercart.errors import ModelError
from aftercart.recommendation.asking.request import Purpose
from aftercart.recommendation.counted.evidence import Evidence
from aftercart.recommendation.counted.links import Links
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import Floats
from aftercart.recommendation.inputs.features import Vocabulary
from aftercart.recommendation.inputs.packed_catalog import ARRAYS, PackedCatalog, packed
from aftercart.recommendation.models.blend import CIRCUMSTANCES, Blend, Component
from aftercart.recommendation.models.lightfm_model import Embeddings
from aftercart.recommendation.models.model import TOGETHER, Learned, Model
from aftercart.recommendation.models.serving_arrays import Stack, columns_of

FORMAT = 4
_BEFORE = 3
"""Its products are JSON. A model of it serves until the next one is trained."""
KEPT_VERSIONS = 5

_LINEAR, _ROWS = "linear", ("item", "item_bias")
"""The rows of products stand in one file for all that they are multiplied by."""
_EMBEDDINGS = tuple(field.name for field in fields(Embeddings) if field.name not in (*_ROWS, "counted"))
_SPREAD = ("spread.mean", "spread.covariance")
"""Counted once: it takes each process a second for a million products, and 20 MB to do it."""
_FOLLOWING = "following."
_LINKS = tuple(field.name for field in fields(Links))
_VOTES = "votes."
_CATALOG = "catalog."
_PAIRS = ("pair_pointers", "pair_items", "pair_weights")
"""What was bought together stands first among the links."""
_SINCE = "bought_once"
"""Unknown in the format before: nobody is spared a variant of what they have."""
_FIRST_COMPONENTS = 9
"""As many kinds of evidence as the first model of these formats had."""
_EVIDENCE = tuple(field.name for field in fields(Evidence) if field.name not in ("order_count", *_PAIRS))


def save(model: Model, models_dir: Path) -> str:
    """Write the model to `models_dir/<version>`, over one of the same version; returns its checksum.

    The checksum is that of meta.json, which holds those of all other files. An untrained model cannot be saved.
    """
    learned = _learned(model)
    parts = {name: getattr(learned.embeddings, name) for name in _EMBEDDINGS}
    if learned.following:
        parts |= {f"{_FOLLOWING}{name}": getattr(learned.following, name) for name in _EMBEDDINGS}
    parts |= {name: getattr(model.evidence, name) for name in _EVIDENCE}
    parts |= {f"{_CATALOG}{name}": getattr(model.catalog, name) for name in ARRAYS}
    parts |= {f"{_VOTES}{part}": getattr(model.votes, part) for part in _LINKS}
    parts[_LINEAR] = model.linear
    models_dir.mkdir(parents=True, exist_ok=True)
    draft = models_dir / f".{model.version}.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for name, values in parts.items():
        np.save(draft / f"{name}.npy", values, allow_pickle=False)
    for of, embeddings in (("", learned.embeddings), (_FOLLOWING, learned.following)):
        for name, values in zip(_SPREAD, embeddings.spread, strict=True) if embeddings else ():
            np.save(draft / f"{of}{name}.npy", values, allow_pickle=False)
    meta = json.dumps(_meta(model, learned, draft), sort_keys=True, indent=1)
    (draft / "meta.json").write_text(meta)
    target = models_dir / model.version
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    return hashlib.sha256(meta.encode()).hexdigest()


def load(models_dir: Path, version: str, checksum: str) -> Model:
    """The model of that version, its arrays mapped read-only. Raises ModelError if a file is missing or differs
    from what was written."""
    folder = models_dir / version
    try:
        meta = _checked_meta(folder, checksum)
        return _assembled(folder, version, meta)
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise ModelError(f"{folder}: the model cannot be read ({err}); run `aftercart train`") from err


def prune(models_dir: Path, keep: frozenset[str]) -> None:
    """Remove the oldest versions, but those in `keep` and the newest five."""
    folders = sorted((f for f in models_dir.iterdir() if f.is_dir() and not f.name.startswith(".")), reverse=True)
    for folder in folders[KEPT_VERSIONS:]:
        if folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)


def _learned(model: Model) -> Learned:
    if model.learned is None:
        raise ModelError("a model without training has no files: it is computed from the orders")
    return model.learned


def _meta(model: Model, learned: Learned, folder: Path) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "order_count": model.evidence.order_count,
        "history_length": learned.history_length,
        "blend": {purpose: weights.tolist() for purpose, weights in learned.blend.weights.items()},
        "links": sorted(learned.links),
        "following": learned.following is not None,
        "vocabulary": list(learned.vocabulary.names),
        "price_bounds": list(learned.vocabulary.price_bounds),
        "sha256": {file.name: _digest(file) for file in sorted(folder.iterdir())},
    }


def _checked_meta(folder: Path, checksum: str) -> Mapping[str, Any]:
    text = (folder / "meta.json").read_bytes()
    if hashlib.sha256(text).hexdigest() != checksum:
        raise ValueError("meta.json is not the one that was registered")
    meta: Mapping[str, Any] = json.loads(text)
    if meta["format"] not in (FORMAT, _BEFORE):
        raise ValueError(f"format {meta['format']} is not known here")
    for name, digest in meta["sha256"].items():
        if _digest(folder / name) != digest:
            raise ValueError(f"{name} is damaged")
    return meta


def _assembled(folder: Path, version: str, meta: Mapping[str, Any]) -> Model:
    if meta["format"] == _BEFORE:
        return _assembled_before(folder, version, meta)
    catalog = PackedCatalog(**{name: _mapped(folder, f"{_CATALOG}{name}") for name in ARRAYS})
    linear, stack = _mapped(folder, _LINEAR), _stack(folder, meta)
    embeddings = _subjects(folder, meta, linear)
    pairs: dict[str, Any] = dict(zip(_PAIRS, stack.links(TOGETHER).parts(), strict=True))
    evidence = Evidence(order_count=meta["order_count"], **pairs, **{name: _mapped(folder, name) for name in _EVIDENCE})
    links = {name: stack.links(name) for name in meta["links"]}
    return Model(version, catalog, evidence, _taught(meta, embeddings, links), linear, stack)


def _assembled_before(folder: Path, version: str, meta: Mapping[str, Any]) -> Model:
    catalog = packed([Product(**row) for row in json.loads((folder / "catalog.json").read_bytes())])
    arrays: Iterator[dict[str, Any]] = (
        {name: _mapped(folder, f"{of}{name}") for name in (*_ROWS, *_EMBEDDINGS)} for of in _of(meta)
    )
    embeddings = [Embeddings(**each) for each in arrays]
    evidence = {name: _mapped(folder, name) for name in (*_EVIDENCE, *_PAIRS) if name != _SINCE}
    evidence[_SINCE] = np.zeros(len(catalog), dtype=np.bool_)
    links = {name: Links(*(_mapped(folder, f"{name}.{part}") for part in _LINKS)) for name in meta["links"]}
    return Model(
        version, catalog, Evidence(order_count=meta["order_count"], **evidence), _taught(meta, embeddings, links)
    )


def _taught(meta: Mapping[str, Any], embeddings: Sequence[Embeddings], links: Mapping[str, Links]) -> Learned:
    vocabulary = Vocabulary(tuple(meta["vocabulary"]), tuple(meta["price_bounds"]))
    following = embeddings[1] if meta["following"] else None
    return Learned(vocabulary, embeddings[0], meta["history_length"], following, links, _blend(meta))


def _of(meta: Mapping[str, Any]) -> tuple[str, ...]:
    return ("", _FOLLOWING) if meta["following"] else ("",)


def _subjects(folder: Path, meta: Mapping[str, Any], linear: Floats) -> list[Embeddings]:
    """The LightFM models, over columns of the same rows."""
    found = [{name: _mapped(folder, f"{of}{name}") for name in (*_EMBEDDINGS, *_SPREAD)} for of in _of(meta)]
    widths = [arrays["anchor"].shape[1] for arrays in found]
    subjects = []
    for number, arrays in enumerate(found):
        items, bias = columns_of(number, widths)
        counted = (arrays.pop(_SPREAD[0]), arrays.pop(_SPREAD[1]))
        subjects.append(Embeddings(item=linear[:, items], item_bias=linear[:, bias], counted=counted, **arrays))
    return subjects


def _stack(folder: Path, meta: Mapping[str, Any]) -> Stack:
    return Stack((TOGETHER, *meta["links"]), *(_mapped(folder, f"{_VOTES}{part}") for part in _LINKS))


def _blend(meta: Mapping[str, Any]) -> Blend:
    rows, columns = len(CIRCUMSTANCES), len(Component)
    weights = {Purpose(purpose): np.array(given, dtype=np.float32) for purpose, given in meta["blend"].items()}
    if any(len(matrix) != rows or not _FIRST_COMPONENTS <= matrix.shape[1] <= columns for matrix in weights.values()):
        raise ValueError("its weights are of another version")
    # What came later stands at the end, and counts for nothing in a model that was learned without it.
    return Blend({of: np.pad(matrix, ((0, 0), (0, columns - matrix.shape[1]))) for of, matrix in weights.items()})


def _mapped(folder: Path, name: str) -> npt.NDArray[Any]:
    """As a plain array over the mapped file: the class `memmap` itself takes its time for every number."""
    values: npt.NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    return values.view(np.ndarray)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
