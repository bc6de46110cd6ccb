from investigations.models.case import Case, CaseAccount, CaseCluster, CaseNote
from investigations.models.cluster import Cluster, ClusterVersion, LineageEvent, Member
from investigations.models.export import Export
from investigations.models.instruction import Instruction
from investigations.models.run import HubValue, Link, Run
from investigations.models.verdict import Verdict, VerdictStanding

__all__ = [
    "Case",
    "CaseAccount",
    "CaseCluster",
    "CaseNote",
    "Cluster",
    "ClusterVersion",
    "Export",
    "HubValue",
    "Instruction",
    "LineageEvent",
    "Link",
    "Member",
    "Run",
    "Verdict",
    "VerdictStanding",
]
