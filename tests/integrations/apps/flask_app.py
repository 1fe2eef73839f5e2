"""A Flask application with the lines of the documentation."""

import io
import os
import sys
import time

import flask

import heka
from heka.integrations.wsgi import HekaMiddleware

heka.configure(to=os.environ["HEKA_TO"], logger="shop")
app = flask.Flask(__name__)
app.wsgi_app = HekaMiddleware(app.wsgi_app, ignore=["/health"])


@app.get("/health")
def health():
    return "ok"


@app.get("/items/<item>")
def item(item):
    heka.log("inside", fields={"item": item, "pid": os.getpid()})
    return f"item {item}"


@app.get("/fails/<item>")
def fails(item):
    password = "hunter2-" + item
    raise ValueError(f"no item: password={password}")


@app.get("/streams")
def streams():
    def parts():
        try:
            for number in range(int(flask.request.args["parts"])):
                heka.log("part", fields={"number": number})
                yield b"x" * 1000
                time.sleep(0.001)
        finally:
            heka.log("closed")

    return flask.Response(flask.stream_with_context(parts()))


@app.get("/breaks")
def breaks():
    def parts():
        yield b"x" * 1000
        raise KeyError("in the middle")

    return flask.Response(parts())


@app.get("/file")
def file():
    return flask.send_file(io.BytesIO(b"f" * 5000), mimetype="text/plain")


@app.get("/binds")
def binds():
    heka.bind(user="ann")
    return "bound"


@app.get("/bound")
def bound():
    return heka.bound()


@app.get("/status/<int:status>")
def status(status):
    return "status", status


if __name__ == "__main__":
    sys.exit("run it under gunicorn")
