"""A Django application in one file, with the settings that the documentation gives."""

import asyncio
import logging
import os
import sys

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.management.base import BaseCommand
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.urls import include, path, re_path

import heka

heka.configure(to=os.environ["HEKA_TO"], logger="shop")
settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="x",
    MIDDLEWARE=[
        "heka.integrations.django.HekaMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    HEKA={"ignore": ["/health"]},
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"heka": {"class": "heka.logging.HekaHandler"}},
        "loggers": {"shop": {"handlers": ["heka"], "level": "INFO"}},
    },
)
django.setup()
log = logging.getLogger("shop")


def health(request):
    return HttpResponse("ok")


def item(request, item):
    log.info("inside %s", item)
    return HttpResponse(f"item {item}")


async def async_item(request, item):
    log.info("inside %s", item)
    await asyncio.create_task(in_a_task(item))
    return HttpResponse(f"item {item}")


async def in_a_task(item):
    log.info("inside %s", item)


def fails(request, item):
    password = "hunter2-" + item
    raise ValueError(f"no item: password={password}")


async def async_fails(request, item):
    fails(request, item)


def streams(request):
    def parts():
        for number in range(3):
            log.info("inside %s", number)
            yield b"x" * 1000

    return StreamingHttpResponse(parts())


async def async_streams(request):
    async def parts():
        for number in range(3):
            log.info("inside %s", number)
            yield b"x" * 1000

    return StreamingHttpResponse(parts())


def file(request):
    return FileResponse(open(__file__, "rb"))


inner = [path("<slug:item>", item), re_path(r"^re/(?P<item>\d+)$", item)]
urlpatterns = [
    path("health", health),
    path("items/<slug:item>", item),
    path("async/<slug:item>", async_item),
    path("fails/<slug:item>", fails),
    path("async-fails/<slug:item>", async_fails),
    path("streams", streams),
    path("async-streams", async_streams),
    path("file", file),
    path("inner/", include(inner)),
]


class Greet(BaseCommand):
    """The management command ``greet``."""

    def handle(self, *args, **options):
        log.info("greetings")
        self.stdout.write("greeted")


if __name__ == "__main__":
    from django.core import management

    found = management.get_commands
    management.get_commands = lambda: {**found(), "greet": Greet()}
    execute_from_command_line(sys.argv)
else:
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application

    wsgi = get_wsgi_application()
    asgi = get_asgi_application()
