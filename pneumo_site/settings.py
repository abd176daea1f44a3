"""Every setting of the product, from the environment only. docs/settings.md is the table."""

from __future__ import annotations

import re
import tempfile
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from pneumo_site import env

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("PNEUMO_DATA_DIR", str(BASE_DIR / "var"))).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
DEBUG = env.flag("DEBUG")

INSECURE_KEY = "insecure-development-key-" + "0" * 40
SECRET_KEY = env.text("PNEUMO_SECRET_KEY", INSECURE_KEY if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "PNEUMO_SECRET_KEY is not set. Set it to a long random text, or DEBUG=1 on your own machine."
    )
ALLOWED_HOSTS = env.words("PNEUMO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("PNEUMO_TRUSTED_ORIGINS")
# Each appends its peer to X-Forwarded-For; how many of those entries are not the client's own.
PROXIES = env.integer("PNEUMO_PROXIES", 0, low=0, high=10)

INSTALLED_APPS = [
    "pneumo_site",
    "diagnosis.apps.DiagnosisConfig",
    "worker",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "django_filters",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "diagnosis.web.middleware.NoStoreMiddleware",
    "diagnosis.web.middleware.RequestIdMiddleware",
    "diagnosis.api.uploads.UploadCapMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "diagnosis.web.middleware.RouteRuleMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "pneumo_site.urls"
WSGI_APPLICATION = "pneumo_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "diagnosis.web.context.roles",
            ]
        },
    }
]

DATABASES = {"default": env.database("DATABASE_URL", DATA_DIR / "pneumo.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Served from the source folders, so that no collectstatic step can be forgotten.
WHITENOISE_USE_FINDERS = True

# Uploads stream to a private temporary folder; nothing under it is ever served.
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "diagnosis.api.uploads.CappedUploadHandler",
]
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_NUMBER_FILES = 50

# Security
HTTPS = env.flag("PNEUMO_HTTPS", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
# A message may hold a new API token, which no cookie should carry.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # The first one names the scheme of a 401.
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["diagnosis.api.rules.RouteRule"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "diagnosis.api.errors.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Pneumo",
    "DESCRIPTION": "Reading room for chest X-rays. Research use only, not a diagnosis.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# Queue. Without REDIS_URL the embedded Valkey listens on a socket below a short folder (a
# socket's path must stay under 108 characters), one per data folder.
EMBEDDED_SOCKET = (
    Path(tempfile.gettempdir())
    / f"pneumo-{sha256(str(DATA_DIR).encode()).hexdigest()[:12]}"
    / "v.sock"
)
REDIS_URL = env.text("REDIS_URL")
BROKER_URL = REDIS_URL or f"redis+socket://{EMBEDDED_SOCKET}"
BROKER_TIMEOUT_SECONDS = 0.5

# Films
FILM_DIR = DATA_DIR / "films"
MAX_FILM_BYTES = env.integer("PNEUMO_MAX_FILM_MB", 50, high=2000) * 1024 * 1024
MAX_FILM_PIXELS = env.integer("PNEUMO_MAX_PIXELS", 40_000_000)
# Far longer than any upload between its file and its commit.
ORPHAN_AGE = env.duration("PNEUMO_ORPHAN_AGE", "24h", low=timedelta(minutes=10))

# Back-pressure
MAX_WAITING_PER_USER = env.integer("PNEUMO_MAX_WAITING_PER_USER", 2000)
MAX_WAITING_PER_SITE = env.integer("PNEUMO_MAX_WAITING_PER_SITE", 10_000)
DISK_MAX_PERCENT = env.integer("PNEUMO_DISK_MAX_PERCENT", 95, high=100)
DISK_MIN_FREE_BYTES = env.integer("PNEUMO_DISK_MIN_FREE_MB", 2048, low=0) * 1024 * 1024

# Worker
MODEL_DIR = Path(env.text("PNEUMO_MODEL_DIR", str(BASE_DIR / "models"))).resolve()
ENGINE = env.choice("PNEUMO_ENGINE", "auto", ["auto", "keras", "openvino", "fake"])
PRECISION = env.choice("PNEUMO_PRECISION", "float32", ["float32", "bfloat16"])
ENGINE_CACHE = DATA_DIR / "engines"
FAKE_SECONDS = env.integer("PNEUMO_FAKE_MS", 0, low=0) / 1000
BATCH_SIZE = env.integer("PNEUMO_BATCH_SIZE", 8, high=256)
LEASE = env.duration("PNEUMO_LEASE", "30s", low=timedelta(seconds=1))
HARD_LIMIT = env.duration("PNEUMO_HARD_LIMIT", "120s", low=timedelta(seconds=1))
LOAD_LIMIT = env.duration("PNEUMO_LOAD_LIMIT", "10m", low=timedelta(seconds=1))
POLL_INTERVAL = env.duration("PNEUMO_POLL_INTERVAL", "2s", low=timedelta(milliseconds=100))
SWEEP_INTERVAL = env.duration("PNEUMO_SWEEP_INTERVAL", "2s", low=timedelta(milliseconds=100))

# E-mail: off without a server. A message names no patient; it leads to the log-in.
_MAIL = env.mail("PNEUMO_EMAIL_URL")
EMAIL_HOST, EMAIL_PORT = _MAIL.host, _MAIL.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.user, _MAIL.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.tls, _MAIL.ssl
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("PNEUMO_EMAIL_FROM", "pneumo@localhost")
PUBLIC_URL = env.text("PNEUMO_PUBLIC_URL").rstrip("/")
if EMAIL_HOST and not re.match("https?://.", PUBLIC_URL):
    raise ImproperlyConfigured(
        "PNEUMO_EMAIL_URL is set, so PNEUMO_PUBLIC_URL must say where the site is, https://..."
    )

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # Request lines carry addresses of studies only by random id; still, warnings suffice.
        "django.request": {"level": "ERROR"},
    },
}
