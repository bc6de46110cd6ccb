from __future__ import annotations

from django.urls import path

from investigations.ui.views.styleguide import styleguide

urlpatterns = [
    path("styleguide/", styleguide, name="styleguide"),
]
