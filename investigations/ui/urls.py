from __future__ import annotations

from django.urls import path

from investigations.ui.views.styleguide import styleguide
from investigations.ui.views.triage import cluster_list, cluster_preview, triage

urlpatterns = [
    path("", triage, name="triage"),
    path("clusters/", cluster_list, name="cluster-list"),
    path("clusters/<str:public_id>/preview/", cluster_preview, name="cluster-preview"),
    path("styleguide/", styleguide, name="styleguide"),
]
