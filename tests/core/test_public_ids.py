from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import public_ids
from core.access import get_or_404
from core.errors import NotFound
from core.models import Dataset
from tests.factories import dataset_make


@given(st.integers(0, public_ids.SPACE - 1))
def test_numbers_survive_their_text_form(number: int) -> None:
    text = public_ids.number_to_public_id(number, "acc")
    assert len(text) == 16
    assert public_ids.public_id_to_number(text, "acc") == number
    assert public_ids.public_id_to_number(text[:4] + text[4:].lower(), "acc") == number


@pytest.mark.parametrize(
    "text", ["", "acc_", "acc_123", "clu_7Q4KD2XM3T9B", "acc_7Q4KD2XM3T9U", "acc_７Q4KD2XM3T9B", "7"]
)
def test_other_text_is_no_public_id(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        public_ids.public_id_to_number(text, "acc")


def test_numbers_in_bulk_fit_and_differ() -> None:
    numbers = public_ids.numbers_new(10_000)
    assert len(set(numbers.tolist())) == 10_000
    assert numbers.min() >= 0 and int(numbers.max()) < public_ids.SPACE


def test_a_row_gets_an_id_and_is_found_by_it(db: None) -> None:
    dataset = dataset_make("main")
    assert dataset.public_id.startswith("dst_")
    assert get_or_404(Dataset.objects.all(), dataset.public_id) == dataset
    assert Dataset.objects.get(public_id=dataset.public_id) == dataset


@pytest.mark.parametrize("public_id", ["dst_000000000000", "nonsense", "acc_7Q4KD2XM3T9B", "dst_%00", "1", ""])
def test_anything_else_is_not_found(db: None, public_id: str) -> None:
    dataset_make("main")
    with pytest.raises(NotFound):
        get_or_404(Dataset.objects.all(), public_id)
