from __future__ import annotations

from django.urls import path

from staff import views, views_tokens

urlpatterns = [
    path("auth/link/<str:secret>/", views.signin_link, name="signin-link"),
    path("preferences/", views.preferences, name="preferences"),
    path("tokens/", views_tokens.token_list, name="token-list"),
    path("tokens/create/", views_tokens.token_create, name="token-create"),
    path("tokens/<str:public_id>/revoke/", views_tokens.token_revoke, name="token-revoke"),
]
