"""Django's settings: every environment variable is read here (or in config.embedded and config.supervisor, before
Django), through config.env. The table of all of them is docs/reference/settings.md; a test keeps it whole.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import csp.constants

from config import embedded, env, home
from config.logs import log_settings
from config.problems import BadSetting
from config.servers import APP_ROLE, DATABASE, OWNER_ROLE

BASE_DIR = home.REPOSITORY

# --- where we are ---------------------------------------------------------------------------------------------------

HYDRASCOPE_ENV = env.choice("HYDRASCOPE_ENV", "development", choices=("development", "production"))
IS_PRODUCTION = HYDRASCOPE_ENV == "production"
HYDRASCOPE_HOME = home.home_path()
EMBEDDED = embedded.is_embedded()
DEBUG = env.boolean("DEBUG", False)

PORT = env.integer("PORT", home.port_last(HYDRASCOPE_HOME), low=1, high=65535)
PUBLIC_URL = env.http_address("PUBLIC_URL", env.address_to_site(env.bind_address(), PORT))
_PUBLIC = urlsplit(PUBLIC_URL)
IS_HTTPS = _PUBLIC.scheme == "https"

if IS_PRODUCTION:
    for _name, _bad in (
        ("DATABASE_URL and BROKER_URL (the embedded servers are for trying things out)", EMBEDDED),
        ("PUBLIC_URL, an https address", not IS_HTTPS),
        ("SECRET_KEY or SECRET_KEY_FILE, at least 50 random characters", len(env.secret("SECRET_KEY")) < 50),
        ("HYDRASCOPE_KEYRING, the path of the keyring", not env.text("HYDRASCOPE_KEYRING")),
        ("DEBUG=0", DEBUG),
    ):
        if _bad:
            raise BadSetting(f"HYDRASCOPE_ENV=production needs {_name}.")

# --- secrets --------------------------------------------------------------------------------------------------------

SECRET_KEY = env.secret("SECRET_KEY") or home.secrets_for(HYDRASCOPE_HOME).secret_key
SECRET_KEY_FALLBACKS = [key] if (key := env.secret("SECRET_KEY_OLD")) else []
HYDRASCOPE_KEYRING = env.path("HYDRASCOPE_KEYRING", HYDRASCOPE_HOME / "keyring.json")
HYDRASCOPE_KEYRING_CREATE = not IS_PRODUCTION

# --- applications ---------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "config",
    "core",
    "staff",
    "accounts",
    "investigations",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "knox",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "csp",
    "django_celery_beat",
]

MIDDLEWARE = [
    "core.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "config.middleware.NoStoreMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "core.middleware.ErrorMiddleware",
    "core.access.AccessMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

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
                "investigations.ui.context.console",
            ],
            "libraries": {"console": "investigations.ui.templatetags.console"},
        },
    }
]

# --- database, cache, broker ----------------------------------------------------------------------------------------

if EMBEDDED:
    _secrets = home.secrets_for(HYDRASCOPE_HOME)
    _places = home.places_decide(HYDRASCOPE_HOME)  # before anything has started the servers, too
    DATABASE_URL = embedded.database_address(_places, APP_ROLE, _secrets.postgres_app, DATABASE)
    OWNER_DATABASE_URL = embedded.database_address(_places, OWNER_ROLE, _secrets.postgres_owner, DATABASE)
    BROKER_URL = embedded.broker_address(_places)
    CACHE_URL = embedded.cache_address(_places)
else:
    DATABASE_URL = env.secret("DATABASE_URL")
    OWNER_DATABASE_URL = env.secret("OWNER_DATABASE_URL") or DATABASE_URL
    BROKER_URL = env.broker_address(env.secret("BROKER_URL"))
    CACHE_URL = env.secret("CACHE_URL") or BROKER_URL
    if CACHE_URL.startswith("amqp"):
        raise BadSetting("CACHE_URL is not set. With RabbitMQ as BROKER_URL, set it to a Redis or Valkey server.")
    CACHE_URL = env.cache_address(CACHE_URL.replace("redis+socket://", "unix://", 1))

DATABASES = {
    # The app role: reads and writes rows, never changes tables; append-only tables it can only add to.
    "default": {
        **env.database("DATABASE_URL", DATABASE_URL),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    },
    # The owner role: the same database, for migrations alone.
    "owner": env.database("OWNER_DATABASE_URL", OWNER_DATABASE_URL),
}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        "KEY_PREFIX": "hydrascope",
    }
}

CELERY_BROKER_URL = BROKER_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 3
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
# A message comes back this long after a worker took it and vanished. Runs are cut into resumable steps, and a row tells
# which worker has one, so that a message that comes back early does no harm.
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {}
    if BROKER_URL.startswith("amqp")
    else {"visibility_timeout": 60, "unacked_restore_interval": 5, "unacked_restore_throttle": 1}
)
if BROKER_URL.startswith("amqp"):
    CELERY_TASK_DEFAULT_QUEUE_TYPE = "quorum"
    CELERY_BROKER_TRANSPORT_OPTIONS = {"confirm_publish": True}
CELERY_BEAT_SCHEDULE = {
    "accounts.batches_sweep": {"task": "accounts.batches_sweep", "schedule": 30.0},
    "accounts.retention": {"task": "accounts.retention", "schedule": 3600.0},
    "core.outbox_drain": {"task": "core.outbox_drain", "schedule": 5.0},
    "investigations.exports_remove_old": {"task": "investigations.exports_remove_old", "schedule": 900.0},
    "investigations.exports_sweep": {"task": "investigations.exports_sweep", "schedule": 15.0},
    "investigations.runs_sweep": {"task": "investigations.runs_sweep", "schedule": 5.0},
}

# --- people and signing in ------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "staff.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "config.sign_in.ClosedSignUpAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "reset_password": "10/m/ip,3/10m/key",
    "reset_password_from_key": "10/m/ip",
    "change_password": "5/m/user",
    "reauthenticate": "10/m/user",
}
ALLAUTH_TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXIES", 0, low=0, high=10)
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Hydrascope"

# Which of other people's views are open to whom; our own carry their decision (core.access).
ACCESS_DECISIONS = {
    "account_login": "public",
    "account_signup": "public",
    "account_inactive": "public",
    "account_reset_password": "public",
    "account_reset_password_done": "public",
    "account_reset_password_from_key": "public",
    "account_reset_password_from_key_done": "public",
    "account_confirm_email": "public",
    "account_email_verification_sent": "public",
    "account_confirm_login_code": "public",
    "mfa_authenticate": "public",
    "account_logout": "signed_in",
    "account_reauthenticate": "signed_in",
    "account_email": "signed_in",
    "account_change_password": "signed_in",
    "account_set_password": "signed_in",
    "mfa_index": "signed_in",
    "mfa_reauthenticate": "signed_in",
    "mfa_activate_totp": "signed_in",
    "mfa_deactivate_totp": "signed_in",
    "mfa_view_recovery_codes": "signed_in",
    "mfa_generate_recovery_codes": "signed_in",
    "mfa_download_recovery_codes": "signed_in",
}

# --- API ------------------------------------------------------------------------------------------------------------

KNOX_TOKEN_MODEL = "staff.ApiToken"
REST_KNOX = {"TOKEN_MODEL": KNOX_TOKEN_MODEL}
API_REQUESTS_PER_MINUTE = env.integer("API_REQUESTS_PER_MINUTE", 600, low=1, high=1_000_000)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["staff.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["core.api.permissions.HasCapability"],
    "DEFAULT_THROTTLE_CLASSES": ["core.api.throttling.TokenThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.api.parsing.StrictJSONParser"],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "core.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "core.api.problems.problem_response",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Hydrascope",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "DESCRIPTION": (BASE_DIR / "docs/api/introduction.md").read_text("utf-8"),
    "LICENSE": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {},
    "POSTPROCESSING_HOOKS": ["core.api.schema.add_problems"],
    "COMPONENT_SPLIT_REQUEST": False,
}

# --- headers and cookies --------------------------------------------------------------------------------------------

ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", (_PUBLIC.hostname or "", "127.0.0.1", "localhost", "[::1]"))
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [csp.constants.NONE],
        "script-src": [csp.constants.SELF],
        "style-src": [csp.constants.SELF],
        "style-src-attr": [csp.constants.UNSAFE_INLINE],  # charts and progress bars set widths and positions
        "img-src": [csp.constants.SELF, "data:", "blob:"],
        "font-src": [csp.constants.SELF],
        "connect-src": [csp.constants.SELF],
        "manifest-src": [csp.constants.SELF],
        "form-action": [csp.constants.SELF],
        "frame-ancestors": [csp.constants.NONE],
        "base-uri": [csp.constants.NONE],
        "object-src": [csp.constants.NONE],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    feature: []
    for feature in ("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer",
                    "microphone", "midi", "payment", "usb")
}  # fmt: skip
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "config.errors.csrf_failure"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_NAME = "__Host-session" if IS_HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if IS_HTTPS else "csrf"
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 365 * 86400 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_HTTPS
if ALLAUTH_TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- files, language, mail, logs ------------------------------------------------------------------------------------

# What is too large for memory is sealed on its way to the disk, never written in clear.
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "accounts.services.upload_handler.SealedUploadHandler",
]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"] if (BASE_DIR / "static").is_dir() else []
# In production `collectstatic` gives files names that carry their digest; otherwise they are served as they lie.
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": HYDRASCOPE_HOME / "files"},
    },
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if IS_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not IS_PRODUCTION

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.integer("EMAIL_PORT", 587, low=1, high=65535)
EMAIL_HOST_USER = env.text("EMAIL_USER")
EMAIL_HOST_PASSWORD = env.secret("EMAIL_PASSWORD")
EMAIL_USE_TLS = env.boolean("EMAIL_TLS", True)
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", f"hydrascope@{_PUBLIC.hostname}")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"

LOGGING = log_settings(
    level=env.choice("LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR")),
    as_json=env.choice("LOG_FORMAT", "json" if IS_PRODUCTION else "console", choices=("json", "console")) == "json",
    audit_file=HYDRASCOPE_HOME / "logs" / "audit.log" if EMBEDDED else None,
)
