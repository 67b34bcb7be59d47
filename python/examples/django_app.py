"""Django in one file.

Run as `python django_app.py runserver`, or `gunicorn --config gunicorn.conf.py django_app:application`.
"""

import os
import sys

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

from flagstaff import create_soasap_client

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY", "only for this example"),
    # In a project of its own, beside the other settings: made once per process or once before the fork.
    FLAGS=create_soasap_client(
        api_key=os.environ["SOASAP_API_KEY"],
        base_url=os.environ.get("SOASAP_BASE_URL", ""),
    ),
)


def cart(request):
    flags = settings.FLAGS
    checkout = "new" if flags.get_bool("new-checkout") else "old"
    return JsonResponse({"checkout": checkout, "limit": flags.get_number("cart-limit", 50)})


def health(request):
    """Fail while flags are stale or none have arrived: for an alert. Workers go on with what they have."""
    status = settings.FLAGS.status()
    code = 503 if status.is_stale or not status.generation else 200
    return JsonResponse({"generation": status.generation, "stale": status.is_stale}, status=code)


urlpatterns = [path("", cart), path("health", health)]
application = get_wsgi_application()

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
