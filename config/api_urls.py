"""The addresses under /api/v1/. Lists and things have no trailing slash."""

from __future__ import annotations

from django.urls import path

from accounts.api.views import AccountLookup, DatasetList
from investigations.api import accounts, cases, clusters, links, runs, verdicts
from staff.views_api_docs import ApiDocument, api_docs

urlpatterns = [
    path("docs/", api_docs, name="api-docs"),
    path("openapi.json", ApiDocument.as_view(), name="api-document"),
    path("datasets", DatasetList.as_view(), name="api-datasets"),
    path("accounts", accounts.AccountList.as_view(), name="api-accounts"),
    path("accounts/lookup", AccountLookup.as_view(), name="api-account-lookup"),
    path("accounts/<str:account_id>", accounts.AccountView.as_view(), name="api-account"),
    path(
        "accounts/<str:account_id>/identifiers",
        accounts.AccountIdentifierList.as_view(),
        name="api-account-identifiers",
    ),
    path("accounts/<str:account_id>/links", accounts.AccountLinkList.as_view(), name="api-account-links"),
    path("clusters", clusters.ClusterList.as_view(), name="api-clusters"),
    path("clusters/<str:cluster_id>", clusters.ClusterView.as_view(), name="api-cluster"),
    path("clusters/<str:cluster_id>/members", clusters.ClusterMemberList.as_view(), name="api-cluster-members"),
    path("clusters/<str:cluster_id>/links", clusters.ClusterLinkList.as_view(), name="api-cluster-links"),
    path("links/explain", links.LinkExplain.as_view(), name="api-link-explain"),
    path("runs", runs.RunList.as_view(), name="api-runs"),
    path("runs/<str:run_id>", runs.RunView.as_view(), name="api-run"),
    path("runs/<str:run_id>/cancel", runs.RunCancel.as_view(), name="api-run-cancel"),
    path("cases", cases.CaseList.as_view(), name="api-cases"),
    path("cases/<str:case_id>", cases.CaseView.as_view(), name="api-case"),
    path("cases/<str:case_id>/transition", cases.CaseTransition.as_view(), name="api-case-transition"),
    path("cases/<str:case_id>/clusters", cases.CaseClusterList.as_view(), name="api-case-clusters"),
    path("cases/<str:case_id>/clusters/<str:cluster_id>", cases.CaseClusterView.as_view(), name="api-case-cluster"),
    path("cases/<str:case_id>/accounts", cases.CaseAccountList.as_view(), name="api-case-accounts"),
    path("cases/<str:case_id>/accounts/<str:account_id>", cases.CaseAccountView.as_view(), name="api-case-account"),
    path("cases/<str:case_id>/notes", cases.CaseNoteList.as_view(), name="api-case-notes"),
    path("cases/<str:case_id>/verdicts", verdicts.CaseVerdictList.as_view(), name="api-case-verdicts"),
    path("verdicts", verdicts.VerdictList.as_view(), name="api-verdicts"),
    path("verdicts/<str:verdict_id>", verdicts.VerdictView.as_view(), name="api-verdict"),
    path("verdicts/<str:verdict_id>/evidence", verdicts.VerdictEvidence.as_view(), name="api-verdict-evidence"),
    path("verdicts/<str:verdict_id>/standings", verdicts.VerdictStandingList.as_view(), name="api-verdict-standings"),
]
