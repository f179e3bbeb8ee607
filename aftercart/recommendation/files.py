"""A model as files: one folder per version of plain arrays, mapped into memory so that all workers share one copy.

    models/20260301T100000Z-1f2e3d4c/
        meta.json       format, settings, and the SHA-256 of every other file
        item.npy ...    float32 and integer arrays, never pickled; links as <name>.items.npy and the like
        catalog.*.npy   the products as they were learned (packed_catalog.py)

A folder is written beside its place and renamed into it: it is there whole or not at all.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aftercart.errors import ModelError
from aftercart.recommendation.blend import CIRCUMSTANCES, Blend, Component
from aftercart.recommendation.catalog import Product
from aftercart.recommendation.evidence import Evidence
from aftercart.recommendation.features import Vocabulary
from aftercart.recommendation.lightfm_model import Embeddings
from aftercart.recommendation.links import Links
from aftercart.recommendation.model import Learned, Model
from aftercart.recommendation.packed_catalog import ARRAYS, PackedCatalog, packed
from aftercart.recommendation.request import Purpose

FORMAT = 4
_BEFORE = 3
"""Its products are JSON. A model of it serves until the next one is trained."""
KEPT_VERSIONS = 5

_EMBEDDINGS = tuple(field.name for field in fields(Embeddings) if field.name != "counted")
_SPREAD = ("spread.mean", "spread.covariance")
"""Counted once: it takes each process a second for a million products, and 20 MB to do it."""
_FOLLOWING = "following."
_LINKS = tuple(field.name for field in fields(Links))
_CATALOG = "catalog."
_EVIDENCE = tuple(field.name for field in fields(Evidence) if field.name != "order_count")


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
    parts |= {f"{name}.{part}": getattr(links, part) for name, links in learned.links.items() for part in _LINKS}
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
    embeddings = _embeddings(folder, meta)
    following = _embeddings(folder, meta, _FOLLOWING) if meta["following"] else None
    evidence = Evidence(order_count=meta["order_count"], **{name: _mapped(folder, name) for name in _EVIDENCE})
    vocabulary = Vocabulary(tuple(meta["vocabulary"]), tuple(meta["price_bounds"]))
    learned = Learned(vocabulary, embeddings, meta["history_length"], following, _links(folder, meta), _blend(meta))
    return Model(version, _catalog(folder, meta), evidence, learned)


def _catalog(folder: Path, meta: Mapping[str, Any]) -> PackedCatalog:
    if meta["format"] == _BEFORE:
        return packed([Product(**row) for row in json.loads((folder / "catalog.json").read_bytes())])
    return PackedCatalog(**{name: _mapped(folder, f"{_CATALOG}{name}") for name in ARRAYS})


def _embeddings(folder: Path, meta: Mapping[str, Any], of: str = "") -> Embeddings:
    arrays: dict[str, Any] = {name: _mapped(folder, f"{of}{name}") for name in _EMBEDDINGS}
    if meta["format"] == _BEFORE:
        return Embeddings(**arrays)
    mean, covariance = (_mapped(folder, f"{of}{name}") for name in _SPREAD)
    return Embeddings(**arrays, counted=(mean, covariance))


def _links(folder: Path, meta: Mapping[str, Any]) -> dict[str, Links]:
    return {name: Links(*(_mapped(folder, f"{name}.{part}") for part in _LINKS)) for name in meta["links"]}


def _blend(meta: Mapping[str, Any]) -> Blend:
    shape = (len(CIRCUMSTANCES), len(Component))
    weights = {Purpose(purpose): np.array(rows, dtype=np.float32) for purpose, rows in meta["blend"].items()}
    if any(matrix.shape != shape for matrix in weights.values()):
        raise ValueError("its weights are of another version")
    return Blend(weights)


def _mapped(folder: Path, name: str) -> npt.NDArray[Any]:
    """As a plain array over the mapped file: the class `memmap` itself takes its time for every number."""
    values: npt.NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    return values.view(np.ndarray)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
