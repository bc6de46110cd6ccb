from __future__ import annotations

from django.urls import path

from investigations.ui.views.account import (
    account_identifiers_page,
    account_links_page,
    account_page,
    account_sessions_page,
)
from investigations.ui.views.cases import (
    case_account_add_view,
    case_account_remove_view,
    case_change_view,
    case_cluster_add_view,
    case_cluster_remove_view,
    case_detail_view,
    case_list_view,
    case_note_add_view,
    case_open_view,
    case_transition_view,
    case_undo_view,
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
from investigations.ui.views.exports import (
    export_create_view,
    export_detail_view,
    export_download_view,
    export_list_view,
    export_progress_view,
)
from investigations.ui.views.identifier import identifier_page
from investigations.ui.views.imports import (
    import_create_view,
    import_detail_view,
    import_list_view,
    import_progress_view,
    import_rejects_csv_view,
)
from investigations.ui.views.instructions import (
    instruction_give_view,
    instruction_list_view,
    instruction_withdraw_view,
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
from investigations.ui.views.verdicts import verdict_create_view, verdict_detail_view, verdict_list_view

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
    path("instructions/", instruction_list_view, name="instruction-list"),
    path("instructions/give/", instruction_give_view, name="instruction-give"),
    path("instructions/<str:public_id>/withdraw/", instruction_withdraw_view, name="instruction-withdraw"),
    path("imports/", import_list_view, name="import-list"),
    path("imports/new/", import_create_view, name="import-create"),
    path("imports/<str:public_id>/", import_detail_view, name="import-detail"),
    path("imports/<str:public_id>/progress/", import_progress_view, name="import-progress"),
    path("imports/<str:public_id>/refused.csv", import_rejects_csv_view, name="import-rejects-csv"),
    path("cases/", case_list_view, name="case-list"),
    path("cases/open/", case_open_view, name="case-open"),
    path("cases/<str:public_id>/", case_detail_view, name="case-detail"),
    path("cases/<str:public_id>/change/", case_change_view, name="case-change"),
    path("cases/<str:public_id>/move/", case_transition_view, name="case-transition"),
    path("cases/<str:public_id>/notes/add/", case_note_add_view, name="case-note-add"),
    path("cases/<str:public_id>/clusters/add/", case_cluster_add_view, name="case-cluster-add"),
    path("cases/<str:public_id>/clusters/remove/", case_cluster_remove_view, name="case-cluster-remove"),
    path("cases/<str:public_id>/accounts/add/", case_account_add_view, name="case-account-add"),
    path("cases/<str:public_id>/accounts/remove/", case_account_remove_view, name="case-account-remove"),
    path("cases/<str:public_id>/undo/", case_undo_view, name="case-undo"),
    path("cases/<str:public_id>/verdict/<str:cluster_id>/", verdict_create_view, name="verdict-create"),
    path("verdicts/", verdict_list_view, name="verdict-list"),
    path("verdicts/<str:public_id>/", verdict_detail_view, name="verdict-detail"),
    path("exports/", export_list_view, name="export-list"),
    path("exports/new/", export_create_view, name="export-create"),
    path("exports/<str:public_id>/", export_detail_view, name="export-detail"),
    path("exports/<str:public_id>/progress/", export_progress_view, name="export-progress"),
    path("exports/<str:public_id>/download/", export_download_view, name="export-download"),
    path("styleguide/", styleguide, name="styleguide"),
]
