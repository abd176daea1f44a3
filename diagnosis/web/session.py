"""The door: log-in, log-out and home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.contrib.auth import views as auth
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from diagnosis.actors import actor_of
from diagnosis.permissions import may_open
from diagnosis.services import sessions

if TYPE_CHECKING:
    from django.contrib.auth.forms import AuthenticationForm
    from django.http import HttpRequest, HttpResponse


class LogIn(auth.LoginView):
    template_name = "login.html"
    redirect_authenticated_user = True

    def get_success_url(self) -> str:
        """Where `next` leads; not to this page again, which would send on to itself for ever."""
        url = super().get_success_url()
        is_here = urlsplit(url).path == self.request.path
        return self.get_default_redirect_url() if is_here else url

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        sessions.opened(user=form.get_user(), actor=actor_of(self.request))
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        name = form.cleaned_data.get("username", "")
        sessions.refused(name=name, actor=actor_of(self.request))
        return super().form_invalid(form)


class LogOut(auth.LogoutView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.user.is_authenticated:
            sessions.closed(user=request.user, actor=actor_of(request))
        return super().post(request, *args, **kwargs)


login = LogIn.as_view()
logout = LogOut.as_view()


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Each role's own first page."""
    return redirect("worklist" if may_open(request.user, "worklist") else "audit")
