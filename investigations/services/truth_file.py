"""Files of labels for evaluation: CSV (plain or gzip) and Parquet with the columns of the extract's table `truth`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from django.db import connection

from core.errors import InvalidInput
from core.models import Dataset
from investigations.linkage.evaluate import TRUTH

NEEDED = ("account_id",)
OPTIONAL = ("operator_id", "kind", "abusive", "since", "until")
BOOLEANS = {"true": True, "1": True, "yes": True, "t": True, "false": False, "0": False, "no": False, "f": False}
MICRO = 1_000_000
UNKNOWN_SHOWN = 5


@dataclass(frozen=True)
class Labels:
    """Labels of a dataset's accounts, and what could not be used."""

    table: pa.Table  # linkage.evaluate.TRUTH, one row an account
    n_rows: int
    n_unknown: int  # rows of accounts that the dataset does not have
    unknown: tuple[str, ...]  # some of them
    n_repeated: int  # further rows of an account; one with an operator is kept


def labels_read(paths: list[Path], dataset: Dataset) -> Labels:
    """The labels in these files, by the dataset's account numbers. InvalidInput names file, line and column."""
    rows: dict[str, dict[str, Any]] = {}
    n_rows = n_repeated = 0
    for path in paths:
        for line, row in enumerate(_rows(path), start=2):
            n_rows += 1
            label = _label(row, path, line)
            known = rows.get(row["account_id"])
            if known is not None:
                n_repeated += 1
            if known is None or (label["operator"] and not known["operator"]):
                rows[row["account_id"]] = label
    numbers = _numbers(dataset, list(rows))
    unknown = [name for name in rows if name not in numbers]
    listed = [{"account": numbers[name], **label} for name, label in rows.items() if name in numbers]
    return Labels(
        table=pa.Table.from_pylist(listed, schema=TRUTH),
        n_rows=n_rows,
        n_unknown=len(unknown),
        unknown=tuple(unknown[:UNKNOWN_SHOWN]),
        n_repeated=n_repeated,
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    """All rows, with every column that we know; those that the file does not have are None."""
    table = _table(path)
    missing = [name for name in NEEDED if name not in table.column_names]
    if missing:
        raise _bad(path, f"it has no column {missing[0]} (it has {', '.join(table.column_names[:20])})")
    present = [name for name in (*NEEDED, *OPTIONAL) if name in table.column_names]
    empty = dict.fromkeys(OPTIONAL)
    return [empty | row for row in table.select(present).to_pylist()]


def _table(path: Path) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path)
        with pa.input_stream(str(path), compression="detect") as stream:
            names = pa_csv.open_csv(stream).schema.names
        convert = pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
        with pa.input_stream(str(path), compression="detect") as stream:
            return pa_csv.read_csv(stream, convert_options=convert)
    except FileNotFoundError as error:
        raise _bad(path, "there is no such file") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _bad(path, str(error).splitlines()[0][:200]) from error


def _label(row: dict[str, Any], path: Path, line: int) -> dict[str, Any]:
    if not row["account_id"]:
        raise _bad(path, f"line {line} has no account_id")
    row["account_id"] = str(row["account_id"])
    return {
        "operator": str(row["operator_id"]) if row["operator_id"] not in (None, "") else None,
        "kind": str(row["kind"]) if row["kind"] else None,
        "abusive": _boolean(row["abusive"], path, line),
        "since": _micros(row["since"], "since", path, line),
        "until": _micros(row["until"], "until", path, line),
    }


def _boolean(given: Any, path: Path, line: int) -> bool | None:
    if given is None or given == "" or isinstance(given, bool):
        return None if given == "" else given
    found = BOOLEANS.get(str(given).strip().lower())
    if found is None:
        raise _bad(path, f"line {line}: abusive is “{str(given)[:40]}”, neither true nor false")
    return found


def _micros(given: Any, name: str, path: Path, line: int) -> int | None:
    """RFC 3339 with a zone, or Unix seconds, as microseconds."""
    if given is None or given == "":
        return None
    try:
        if isinstance(given, datetime):
            moment = given
        elif isinstance(given, int | float):
            return round(given * MICRO)
        else:
            text = str(given).strip()
            if text.replace(".", "", 1).isdigit():
                return round(float(text) * MICRO)
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (ValueError, OverflowError) as error:
        raise _bad(path, f"line {line}: {name} is “{str(given)[:40]}”, not a time with a zone") from error
    if moment.tzinfo is None:
        raise _bad(path, f"line {line}: {name} is “{str(given)[:40]}”, a time without a zone")
    since_epoch = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since_epoch.days * 86_400 + since_epoch.seconds) * MICRO + since_epoch.microseconds


def _numbers(dataset: Dataset, names: list[str]) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT platform_id, id FROM accounts_account WHERE dataset_id = %s AND platform_id = ANY(%s)",
            [dataset.pk, [name for name in names if "\x00" not in name]],
        )
        return dict(cursor.fetchall())


def _bad(path: Path, reason: str) -> InvalidInput:
    return InvalidInput(
        f"{path} can't be used: {reason}.",
        code="bad_truth",
        what_to_do="Labels need account_id; operator_id, kind, abusive, since and until are optional.",
    )
