"""Celery's settings, fixed here so that no environment variable can make them unsafe.

Delivery options are comfort, not correctness: the database row is the job, and a lost or doubled
message costs seconds (ARCHITECTURE.md, "Jobs").
"""

from django.conf import settings

broker_url = settings.BROKER_URL
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
broker_transport_options = {
    "visibility_timeout": 3600,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "unacked_mutex_expire": 10,
}
task_serializer = "json"
accept_content = ["json"]
task_ignore_result = True
task_default_queue = "inference"
task_reject_on_worker_lost = False
task_acks_late = False
worker_pool = "solo"
worker_concurrency = 1
worker_prefetch_multiplier = 1
worker_hijack_root_logger = False
worker_redirect_stdouts = False
worker_send_task_events = False
worker_enable_remote_control = False
timezone = "UTC"
