"""Forms whose saving is a service's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.forms import AdminPasswordChangeForm, PasswordChangeForm, SetPasswordMixin
from django.contrib.auth.models import User

from diagnosis.models import Site
from diagnosis.permissions import Role
from diagnosis.services import accounts

if TYPE_CHECKING:
    from diagnosis.permissions import Actor
    from diagnosis.permissions import User as AnyUser

NAMES = ("username", "first_name", "last_name", "email", "is_active")


class OwnPasswordForm(PasswordChangeForm):
    """One's own password, the old one asked first."""

    actor: Actor

    @classmethod
    def bound_to(cls, actor: Actor) -> type[OwnPasswordForm]:
        return type("BoundOwnPasswordForm", (cls,), {"actor": actor})

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 (Django's signature)
        password = self.cleaned_data["new_password1"]
        accounts.set_password(by=self.user, actor=self.actor, target=self.user, password=password)
        return self.user


class UserPasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    """Another user's password."""

    def __init__(self, by: AnyUser, actor: Actor, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self._by, self._actor, self._target = by, actor, user
        # Every account here has a password: locking somebody out is deactivation, and audited.
        self.fields.pop("usable_password", None)
        for name in ("password1", "password2"):
            self.fields[name].required = True

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 (Django's signature)
        accounts.set_password(
            by=self._by,
            actor=self._actor,
            target=self._target,
            password=self.cleaned_data["password1"],
        )
        return self._target


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """A user's names, access, roles and sites. Nothing here can make a superuser."""

    roles = forms.MultipleChoiceField(
        choices=[(role.value, role.value) for role in Role],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    sites = forms.ModelMultipleChoiceField(
        queryset=Site.objects.all(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="The sites whose patients this user sees.",
    )

    class Meta:
        model = User
        fields = NAMES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["roles"] = list(self.instance.groups.values_list("name", flat=True))
            self.initial["sites"] = Site.objects.filter(memberships__user=self.instance)

    def account(self) -> accounts.Account:
        names = {name: self.cleaned_data[name] for name in NAMES}
        roles = [Role(name) for name in self.cleaned_data["roles"]]
        return accounts.Account(**names, roles=roles, sites=list(self.cleaned_data["sites"]))


class NewAccountForm(SetPasswordMixin, AccountForm):  # type: ignore[type-arg]
    """With a first password, which the user should change."""

    password1, password2 = SetPasswordMixin.create_password_fields()

    def clean(self) -> Any:
        self.validate_passwords()
        return super().clean()

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=name).exists():
            raise forms.ValidationError("This user name is taken.")
        return name

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        self.validate_password_for_user(self.instance)


class ReasonForm(forms.Form):
    """Why an administrator does what the audit trail will say."""

    reason = forms.CharField(max_length=500, widget=forms.Textarea(attrs={"rows": 3, "cols": 60}))
