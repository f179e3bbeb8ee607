"""Compiled templates on disk, one JSON file each, named after the hash of everything that made them."""

import json
import os
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

from aftercart.errors import Place
from aftercart.rendering.authoring.written import Origin, Written
from aftercart.rendering.compiling.compiler import Compiled


def load(file: Path, root: Path) -> Compiled | None:
    """What `save` wrote; None if there is no such file or it is damaged: compiling again mends both."""
    try:
        found = json.loads(file.read_bytes())
        return Compiled(**{part.name: _written(found[part.name], root) for part in fields(Compiled)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(compiled: Compiled, file: Path, root: Path) -> None:
    """Write in one step, so that another process reads all of it or nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    parts = {part.name: _plain(getattr(compiled, part.name), root) for part in fields(Compiled)}
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.stem}-")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(parts, stream, ensure_ascii=False)
    Path(temporary).replace(file)


def _plain(written: Written, root: Path) -> dict[str, Any]:
    """Places are kept relative to the templates folder, which may stand elsewhere tomorrow."""
    origins = [
        [origin.first, origin.last, str(origin.place.file.relative_to(root)), origin.place.line, origin.place.column]
        for origin in written.origins
    ]
    return {"source": written.source, "origins": origins}


def _written(found: dict[str, Any], root: Path) -> Written:
    origins = (Origin(first, last, Place(root / file, *at)) for first, last, file, *at in found["origins"])
    return Written(str(found["source"]), tuple(origins))
