"""Uploads on their way through the web server: what is too large for memory is sealed before it touches the disk."""

from __future__ import annotations

import io
import tempfile
from typing import Any, BinaryIO

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from accounts.services.uploads import Sealing, Unsealed, uploads_root


class SealedUploadHandler(FileUploadHandler):
    """Takes a file into a nameless temporary one, in sealed frames; the system removes it however the process ends."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        uploads_root().mkdir(parents=True, exist_ok=True)
        # Closed with the upload, or when it breaks off.
        self._file: BinaryIO = tempfile.TemporaryFile(dir=uploads_root())  # type: ignore[assignment]  # noqa: SIM115
        self._sealing = Sealing(self._file)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._sealing.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile:
        size = self._sealing.finish()
        clear = io.BufferedReader(Unsealed(self._file, size))
        return UploadedFile(
            file=clear,
            name=self.file_name,
            content_type=self.content_type,
            size=size,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )

    def upload_interrupted(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()
