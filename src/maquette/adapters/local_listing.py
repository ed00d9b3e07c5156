"""Objects of a folder in the order of their keys, without ever holding more than one folder's names."""

import os
from collections.abc import Iterator
from pathlib import Path

from maquette.ports import ListedObject

#: Ends the name of a directory that is an object; see ``objects_local``.
MARK = "~"


def walk(root: Path, prefix: str, after: str) -> Iterator[ListedObject]:
    """Yield the objects under ``root`` whose keys begin with ``prefix`` and come after ``after``, by key.

    Keys are ASCII, so Python's order of texts is that of their bytes, and what S3 and PostgreSQL's "C" use.
    A folder sorts as its name with a slash behind: ``a-b`` comes before ``a/b``, which comes before ``a0``.
    """
    yield from _below(root, "", prefix, after)


def _below(folder: Path, base: str, prefix: str, after: str) -> Iterator[ListedObject]:
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except (FileNotFoundError, NotADirectoryError):  # emptied meanwhile
        return
    entries = [base + name.removesuffix(MARK) if name.endswith(MARK) else f"{base}{name}/" for name in names]
    for entry in sorted(entries):
        if entry.endswith("/"):
            wanted = entry.startswith(prefix) or prefix.startswith(entry)
            if wanted and (entry > after or after.startswith(entry)):
                yield from _below(folder / entry[len(base) : -1], entry, prefix, after)
        elif entry.startswith(prefix) and entry > after:
            try:
                found = (folder / f"{entry[len(base) :]}{MARK}" / "content").stat()
            except FileNotFoundError:  # deleted meanwhile
                continue
            yield ListedObject(entry, found.st_size, found.st_mtime)
