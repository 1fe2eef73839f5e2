"""A Celery application with the lines of the documentation; its broker is a folder."""

import os

from celery import Celery
from celery.signals import worker_ready

import heka
import heka.integrations.celery

heka.configure(to=os.environ["HEKA_TO"], logger="shop")
app = Celery(
    "shop",
    broker="filesystem://",
    broker_transport_options={
        "data_folder_in": os.environ["BROKER"],
        "data_folder_out": os.environ["BROKER"],
        "processed_folder": os.environ["BROKER"],
        "control_folder": os.environ["BROKER"],
    },
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=False,
)
heka.integrations.celery.install(ignore=["ignored"])


@worker_ready.connect
def tell(**options):
    with open(os.environ["READY"], "w", encoding="utf-8"):
        pass


@app.task(name="add")
def add(one, two):
    heka.log("inside", fields={"pid": os.getpid()})
    return one + two


@app.task(name="mark")
def mark(folder, number):
    heka.log("inside")
    with open(f"{folder}/marked-{number}", "w", encoding="utf-8"):
        pass


@app.task(name="fails")
def fails(item):
    password = "hunter2-" + item
    raise ValueError(f"no item: password={password}")


@app.task(name="retries", bind=True, max_retries=2, default_retry_delay=0)
def retries(self):
    if self.request.retries < 2:
        raise self.retry()


@app.task(name="calls")
def calls():
    add.delay(1, 2)


@app.task(name="ignored")
def ignored():
    heka.log("inside")
