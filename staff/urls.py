from __future__ import annotations

from django.urls import path

from staff import views

urlpatterns = [
    path("auth/link/<str:secret>/", views.signin_link, name="signin-link"),
    path("preferences/", views.preferences, name="preferences"),
]
