"""Importing an export by the API: upload one store's files, a worker checks and merges them."""

import zipfile
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, BinaryIO

import strawberry
from strawberry.file_uploads import Upload

from ..domain.interchange import actions
from ..domain.interchange.format import STORE_FILES
from ..errors import Invalid
from . import ids
from .context import Context
from .mutation import Done, Mutation
from .services import store_work

_CHUNK = 1 << 18
#: Unpacked bytes of one file; the archive itself is bounded by the endpoint.
MOST_FILE_BYTES = 2_000_000_000


@strawberry.input(description="One store's export, as files or as one zip archive.")
class ImportExportInput:
    """Input of importExport."""

    store_id: strawberry.ID = strawberry.field(description="Id of the store 门店.")
    exported_at: datetime = strawberry.field(
        description="Moment of the export; nothing recorded may lie after it 导出时间."
    )
    files: list[Upload] = strawberry.field(
        description="The fourteen CSV files by their names, or one .zip that holds them (multipart request) 文件."
    )
    on_row_error: str = strawberry.field(
        default="SKIP", description="SKIP bad rows, or ABORT the batch for any 出错处理."
    )
    live_since: date | None = strawberry.field(
        default=None,
        description="Plan calls and surveys for facts from this local day on; without: for none 实时起始日.",
    )


async def _import(context: Context, given: Any) -> Done:
    store, _ = await context.resolve(given.store_id, ids.STORE)
    files = _files(given.files)

    def open_file(name: str) -> Iterator[bytes] | None:
        stream = files.get(name)
        return None if stream is None else _chunks(name, stream)

    async with store_work(context, store) as work:
        batch_id = await actions.receive_batch(
            work,
            open_file,
            exported_at=given.exported_at,
            on_row_error=given.on_row_error,
            live_since=given.live_since,
        )
    return Done(store, {"importBatch": batch_id})


def _files(uploads: list[Any]) -> Mapping[str, BinaryIO]:
    """The export's files by name; names that the format does not know are ignored, as in a folder."""
    if len(uploads) == 1 and str(uploads[0].filename).lower().endswith(".zip"):
        return _unzipped(uploads[0].file)
    wanted = {spec.name for spec in STORE_FILES}
    return {upload.filename: upload.file for upload in uploads if upload.filename in wanted}


def _unzipped(stream: BinaryIO) -> Mapping[str, BinaryIO]:
    try:
        archive = zipfile.ZipFile(stream)
        members = {info.filename.rpartition("/")[2]: info for info in archive.infolist() if not info.is_dir()}
        wanted = {spec.name for spec in STORE_FILES} & members.keys()
        if any(members[name].file_size > MOST_FILE_BYTES for name in wanted):
            raise Invalid(f"a file is larger than {MOST_FILE_BYTES} bytes", path=("files",))
        return {name: archive.open(members[name]) for name in wanted}  # type: ignore[misc]  # IO[bytes]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise Invalid("this is not a zip archive that can be read", path=("files",)) from error


def _chunks(name: str, stream: BinaryIO) -> Iterator[bytes]:
    size = 0
    stream.seek(0)
    try:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > MOST_FILE_BYTES:
                raise Invalid(f"{name} is larger than {MOST_FILE_BYTES} bytes", path=("files",))
            yield chunk
    except (zipfile.BadZipFile, EOFError) as error:
        raise Invalid(f"{name} in the archive is damaged", path=("files",)) from error


MUTATIONS = (
    Mutation(
        name="importExport",
        description="Import one store's export; ask the batch for its result 导入. Needs interchange:export:import.",
        input=ImportExportInput,
        run=_import,
        shows={"importBatch": "ImportBatch"},
    ),
)
