"""The form that takes files: several at once, a mapping file, strictness, the dataset they go to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from accounts.ingest.tables import SUFFIXES, file_stem

MAX_FILES = 50
MAX_BYTES = 4_000_000_000
"""Of one upload. Larger extracts are loaded by `manage.py ingest`, which reads them where they are."""
MAX_MAPPING_BYTES = 100_000
MAX_NAME = 255


class FilesInput(forms.FileInput):
    """A file field that takes several."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files, each of them checked by its name and size."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        """The files; a ValidationError names every one that can't be taken."""
        files = [file for file in (data if isinstance(data, Sequence) else [data]) if file]
        if not files:
            raise forms.ValidationError("Choose one or more files.", code="no_file")
        if len(files) > MAX_FILES:
            raise forms.ValidationError(f"{len(files)} files at once are too many; send up to {MAX_FILES}.")
        problems = [words for file in files if (words := _problem(file))]
        if sum(file.size or 0 for file in files) > MAX_BYTES:
            problems.append(
                f"Together the files are larger than {MAX_BYTES / 1e9:.0f} GB; use manage.py ingest instead."
            )
        if problems:
            raise forms.ValidationError(problems)
        return files


class ImportForm(forms.Form):
    """What an import needs."""

    files = FilesField(label="Files")  # type: ignore[assignment]
    dataset = forms.SlugField(
        max_length=40,
        label="Dataset",
        help_text="An existing one, or the name of a new one: letters, digits, hyphens and underscores.",
        error_messages={"invalid": "Use up to 40 letters, digits, hyphens and underscores."},
    )
    mapping = forms.FileField(
        required=False,
        label="Mapping file",
        help_text="TOML; says which columns of another layout are ours. Not needed for files named after our tables.",
    )
    strict = forms.BooleanField(
        required=False,
        label="Take a file whole or not at all",
        help_text="Refuses a file that has a bad row. Without it, good rows land and bad ones are listed.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["files"].widget.attrs["accept"] = ",".join((*SUFFIXES, ".gz"))
        self.fields["mapping"].widget.attrs["accept"] = ".toml"
        self.fields["dataset"].widget.attrs["list"] = "dataset-names"

    def clean_mapping(self) -> str:
        """The mapping's text, empty without one."""
        file = self.cleaned_data.get("mapping")
        if not file:
            return ""
        if file.size > MAX_MAPPING_BYTES:
            raise forms.ValidationError(f"A mapping file has at most {MAX_MAPPING_BYTES // 1000} KB.")
        try:
            text: str = file.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise forms.ValidationError("The mapping file is not text in UTF-8.") from error
        return text


def _problem(file: UploadedFile) -> str:
    name = file.name or ""
    shown = f"“{name[:80]}”"
    if file_stem(name) is None:
        return f"{shown} is of no kind that can be read; files end in {', '.join(SUFFIXES)}."
    if len(name) > MAX_NAME:
        return f"The name {shown}… is too long; up to {MAX_NAME} characters."
    return "" if file.size else f"{shown} is empty."
