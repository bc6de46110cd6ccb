"""Whether the demo dataset is there."""

from __future__ import annotations

from core.models import Dataset
from core.models.dataset import DatasetKind
from investigations.models.choices import RunState

DEMO_NAME = "demo"


def demo_is_ready() -> bool:
    """Tell whether it has a run that is done, or is somebody's own dataset under that name."""
    dataset = Dataset.objects.filter(name=DEMO_NAME).first()
    if dataset is None:
        return False
    return dataset.kind != DatasetKind.DEMO or dataset.runs.filter(state=RunState.DONE).exists()
