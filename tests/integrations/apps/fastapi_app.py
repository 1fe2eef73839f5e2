"""A FastAPI application with the lines of the documentation, and what it is made of mounted."""

import asyncio
import os

from fastapi import APIRouter, BackgroundTasks, FastAPI, WebSocket
from starlette.responses import StreamingResponse

import heka
from heka.integrations.asgi import HekaMiddleware

heka.configure(to=os.environ["HEKA_TO"], logger="shop")
app = FastAPI()
app.add_middleware(HekaMiddleware, ignore=["/health"])


@app.get("/health")
async def health():
    return "ok"


@app.get("/items/{item}")
async def item(item: str):
    heka.log("inside", fields={"item": item})
    await asyncio.sleep(0.01)
    await asyncio.create_task(in_a_task())
    return item


async def in_a_task():
    heka.log("task")


@app.get("/threads/{item}")
def in_a_thread(item: str):
    heka.log("inside", fields={"item": item})
    return item


@app.get("/fails/{item}")
async def fails(item: str):
    password = "hunter2-" + item
    raise ValueError(f"no item: password={password}")


@app.get("/later")
async def later(tasks: BackgroundTasks):
    tasks.add_task(background, 7)
    return "soon"


async def background(number: int):
    heka.log("background", fields={"number": number})
    raise LookupError("in the background")


@app.get("/streams")
async def streams(parts: int):
    async def body():
        try:
            for number in range(parts):
                if number < 10:
                    heka.log("part", fields={"number": number})
                yield b"x" * 1000
                await asyncio.sleep(0.001)
        finally:
            heka.log("closed")

    return StreamingResponse(body())


@app.websocket("/talk/{room}")
async def talk(websocket: WebSocket, room: str):
    if room == "closed":
        await websocket.close()
        return
    await websocket.accept()
    async for text in websocket.iter_text():
        heka.log("heard", payload=text)
        await websocket.send_text(text * 2)


@app.get("/bound")
async def bound():
    return heka.bound()


router = APIRouter(prefix="/api")


@router.get("/deep/{item}")
async def deep(item: str):
    heka.log("inside")


app.include_router(router)
inner = FastAPI()


@inner.get("/{item}")
async def mounted(item: str):
    heka.log("inside")


app.mount("/mounted/{tenant}", inner)
