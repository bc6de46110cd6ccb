from __future__ import annotations

from django.urls import path

from investigations.ui.views.account import (
    account_identifiers_page,
    account_links_page,
    account_page,
    account_sessions_page,
)
from investigations.ui.views.cluster import (
    cluster_activity_csv,
    cluster_activity_page,
    cluster_casework,
    cluster_evidence,
    cluster_evidence_csv,
    cluster_lineage,
    cluster_members,
)
from investigations.ui.views.compare import compare, compare_csv
from investigations.ui.views.identifier import identifier_page
from investigations.ui.views.imports import (
    import_create_view,
    import_detail_view,
    import_list_view,
    import_progress_view,
    import_rejects_csv_view,
)
from investigations.ui.views.runs import (
    run_cancel_view,
    run_detail_view,
    run_list_view,
    run_progress_view,
    run_start_view,
)
from investigations.ui.views.search import search
from investigations.ui.views.styleguide import styleguide
from investigations.ui.views.triage import cluster_list, cluster_preview, triage

urlpatterns = [
    path("", triage, name="triage"),
    path("clusters/", cluster_list, name="cluster-list"),
    path("clusters/<str:public_id>/", cluster_evidence, name="cluster-detail"),
    path("clusters/<str:public_id>/evidence.csv", cluster_evidence_csv, name="cluster-evidence-csv"),
    path("clusters/<str:public_id>/members/", cluster_members, name="cluster-members"),
    path("clusters/<str:public_id>/activity/", cluster_activity_page, name="cluster-activity"),
    path("clusters/<str:public_id>/activity.csv", cluster_activity_csv, name="cluster-activity-csv"),
    path("clusters/<str:public_id>/lineage/", cluster_lineage, name="cluster-lineage"),
    path("clusters/<str:public_id>/cases/", cluster_casework, name="cluster-casework"),
    path("accounts/<str:public_id>/", account_page, name="account-detail"),
    path("accounts/<str:public_id>/identifiers/", account_identifiers_page, name="account-identifiers"),
    path("accounts/<str:public_id>/sessions/", account_sessions_page, name="account-sessions"),
    path("accounts/<str:public_id>/links/", account_links_page, name="account-links"),
    path("identifiers/<str:public_id>/", identifier_page, name="identifier-detail"),
    path("compare/", compare, name="compare"),
    path("compare/evidence.csv", compare_csv, name="compare-csv"),
    path("search/", search, name="search"),
    path("clusters/<str:public_id>/preview/", cluster_preview, name="cluster-preview"),
    path("runs/", run_list_view, name="run-list"),
    path("runs/start/", run_start_view, name="run-start"),
    path("runs/<str:public_id>/", run_detail_view, name="run-detail"),
    path("runs/<str:public_id>/progress/", run_progress_view, name="run-progress"),
    path("runs/<str:public_id>/cancel/", run_cancel_view, name="run-cancel"),
    path("imports/", import_list_view, name="import-list"),
    path("imports/new/", import_create_view, name="import-create"),
    path("imports/<str:public_id>/", import_detail_view, name="import-detail"),
    path("imports/<str:public_id>/progress/", import_progress_view, name="import-progress"),
    path("imports/<str:public_id>/refused.csv", import_rejects_csv_view, name="import-rejects-csv"),
    path("styleguide/", styleguide, name="styleguide"),
]
