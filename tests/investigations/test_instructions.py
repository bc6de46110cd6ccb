"""What people tell the engine: given, withdrawn, obeyed by the next run, reported where it can't be."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Account
from core.access import Capability
from core.errors import Conflict, Forbidden, InvalidInput
from core.models import AuditEntry, Dataset
from investigations.linkage.constraints import KINDS
from investigations.models import HubValue, Instruction, Run
from investigations.models.choices import PAIR_KINDS
from investigations.selectors.instructions import conflicts_of, engine_instructions, instruction_on_pair_now
from investigations.services.instructions import instruction_on_pair, instruction_on_value, instruction_withdraw
from investigations.services.run_execution import run_execute
from investigations.services.run_inputs import inputs_frozen
from investigations.services.runs import run_request
from staff.roles import Role
from tests.cast import Cast, People, cast_make
from tests.databases import LiveDatabase
from tests.factories import accounts_make, dataset_make, person_make
from tests.investigations.worlds import partition, world_make

WHY = "They are two people: I met both."


def pair_of(cast: Cast) -> tuple[Account, Account]:
    return cast.cards_accounts[0], cast.cards_accounts[1]


def test_its_kinds_are_those_of_the_engine() -> None:
    assert PAIR_KINDS == KINDS


@pytest.mark.parametrize("role", [*(role.value for role in Role), "outsider"])
def test_who_may_not_do_casework_tells_the_engine_nothing(cast: Cast, role: str) -> None:
    by = getattr(cast.people, role)
    identifier = cast.dataset.identifiers.order_by("pk")[0]
    if Capability.CASEWORK in by.capabilities:
        instruction_on_pair(*pair_of(cast), kind="cannot", rationale=WHY, by=by)
        given = instruction_on_value(identifier, rationale=WHY, by=by)
        assert instruction_withdraw(given, by=by).withdrawn_at
        return
    with pytest.raises(Forbidden):
        instruction_on_pair(*pair_of(cast), kind="cannot", rationale=WHY, by=by)
    with pytest.raises(Forbidden):
        instruction_on_value(identifier, rationale=WHY, by=by)
    given = instruction_on_value(identifier, rationale=WHY, by=cast.people.lead)
    with pytest.raises(Forbidden):
        instruction_withdraw(given, by=by)
    assert Instruction.objects.get().withdrawn_at is None


def test_it_is_recorded_and_stays_on_record_when_withdrawn(cast: Cast) -> None:
    b, a = pair_of(cast)
    row = instruction_on_pair(a, b, kind="must", rationale=f" {WHY} ", by=cast.people.investigator)
    assert (row.a, row.b, row.rationale) == (b, a, WHY)
    assert instruction_on_pair_now(a, b) == instruction_on_pair_now(b, a) is not None
    instruction_withdraw(row, by=cast.people.lead)
    assert instruction_on_pair_now(a, b) is None
    told = AuditEntry.objects.filter(target=row.public_id).order_by("seq").values_list("action", "details")
    assert [action for action, _ in told] == ["instruction.given", "instruction.withdrawn"]
    assert told[0][1]["on"] == [b.public_id, a.public_id]
    with pytest.raises(Conflict, match="withdrawn before"):
        instruction_withdraw(row, by=cast.people.lead)
    instruction_on_pair(a, b, kind="cannot", rationale=WHY, by=cast.people.lead)
    assert Instruction.objects.count() == 2


def test_it_refuses_what_makes_no_sense_and_says_why(cast: Cast, people: People) -> None:
    a, b = pair_of(cast)
    by = people.investigator
    other = accounts_make(dataset_make("other"), 1, prefix="far")[0]
    with pytest.raises(InvalidInput, match="two accounts"):
        instruction_on_pair(a, a, kind="must", rationale=WHY, by=by)
    with pytest.raises(Conflict, match="two datasets"):
        instruction_on_pair(a, other, kind="must", rationale=WHY, by=by)
    with pytest.raises(InvalidInput) as refused:
        instruction_on_pair(a, b, kind="shared", rationale=" ", by=by)
    assert set(refused.value.extra["fields"]) == {"kind", "rationale"}
    instruction_on_pair(a, b, kind="must", rationale=WHY, by=by)
    with pytest.raises(Conflict, match="already"):
        instruction_on_pair(b, a, kind="cannot", rationale=WHY, by=by)
    assert Instruction.objects.count() == 1


@pytest.mark.parametrize(
    "changed", [{"kind": "shared"}, {"kind": "must", "b": None}, {"kind": "must", "swap": True}, {"kind": "else"}]
)
def test_the_database_refuses_it_too(cast: Cast, changed: dict[str, object]) -> None:
    a, b = pair_of(cast)
    if changed.pop("swap", False):
        a, b = b, a
    given = {"dataset": cast.dataset, "a": a, "b": b, "rationale": WHY, "given_by": cast.people.lead} | changed
    with pytest.raises(IntegrityError), transaction.atomic():
        Instruction.objects.create(**given)


def done(dataset: Dataset) -> Run:
    return run_execute(run_request(dataset, by=None).pk)


def test_the_next_run_obeys_and_the_one_after_a_withdrawal_does_not(live_db: LiveDatabase) -> None:
    dataset, lead = world_make("main"), person_make("lead", roles=["lead"])
    before = done(dataset)
    groups = partition(before)
    assert len(groups) >= 2
    one, two = (sorted(group) for group in groups[:2])
    accounts = {a.platform_id: a for a in dataset.accounts.all()}
    first = [accounts[name] for name in one]
    apart = instruction_on_pair(first[0], first[1], kind="cannot", rationale=WHY, by=lead)
    together = instruction_on_pair(first[2], accounts[two[0]], kind="must", rationale=WHY, by=lead)
    after = done(dataset)
    assert after.input_digest != before.input_digest
    assert (after.statistics["must"], after.statistics["cannot"], after.statistics["conflicts"]) == (1, 1, 0)
    now = partition(after)
    assert not any({one[0], one[1]} <= set(group) for group in now)
    assert any({one[2], two[0]} <= set(group) for group in now)
    for row in (apart, together):
        instruction_withdraw(row, by=lead)
    again = done(dataset)
    assert again.input_digest == before.input_digest
    assert partition(again) == groups


def test_a_value_said_to_be_shared_weighs_nothing(live_db: LiveDatabase) -> None:
    dataset, lead = world_make("main"), person_make("lead", roles=["lead"])
    before = done(dataset)
    held = [i for i in dataset.identifiers.order_by("pk") if i.sightings.count() > 1]
    assert not HubValue.objects.filter(run=before, value=held[0].pk, is_marked=True).exists()
    for identifier in held:
        instruction_on_value(identifier, rationale="A library's.", by=lead)
    after = done(dataset)
    assert after.statistics["hubs_marked"] == len(held)
    assert HubValue.objects.get(run=after, value=held[0].pk).is_marked
    assert partition(before) and partition(after) == []


def test_a_contradiction_is_reported_with_its_chain(live_db: LiveDatabase) -> None:
    dataset, lead = world_make("main"), person_make("lead", roles=["lead"])
    a, b, c = dataset.accounts.order_by("pk")[:3]
    for first, second, kind in ((a, b, "must"), (b, c, "must"), (a, c, "cannot")):
        instruction_on_pair(first, second, kind=kind, rationale=WHY, by=lead)
    run = done(dataset)
    assert run.statistics["conflicts"] == 1
    (told,) = conflicts_of(run, shows_platform_ids=False)
    assert told.kind_label == "Never together"
    assert [ref.public_id for ref in told.accounts] == [row.public_id for row in (a, b, c)]
    assert "left out" in told.done


def test_a_run_frozen_before_there_were_instructions_is_frozen_anew(live_db: LiveDatabase, tmp_path: Path) -> None:
    dataset = world_make("main")
    _, digest = inputs_frozen(dataset, tmp_path)
    (tmp_path / "inputs" / "marked.parquet").unlink()
    assert inputs_frozen(dataset, tmp_path)[1] == digest
    assert (tmp_path / "inputs" / "marked.parquet").is_file()


def test_instructions_of_another_dataset_are_not_read(cast: Cast, people: People) -> None:
    instruction_on_pair(*pair_of(cast), kind="must", rationale=WHY, by=people.lead)
    other = cast_make(people, dataset_make("other"))
    assert [table.num_rows for table in engine_instructions(other.dataset)] == [0, 0]
    assert [table.num_rows for table in engine_instructions(cast.dataset)] == [1, 0]
