from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.access import Capability, allow
from investigations.ui.styleguide import specimen


@allow(Capability.PEOPLE)
@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component in every state, for whoever changes how the console looks."""
    return render(request, "styleguide/index.html", {"guide": specimen()})
