"""Every part and element with synthetic feet, at 127.0.0.1, under the kiosk's own content security policy.

``python web/gallery/serve.py [PORT] [DATA]``
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
import uvicorn
from data import make_all
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "station" / "kiosk" / "static" / "build"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


class Strict:
    """The kiosk's policy on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
            await send(message)

        await self._app(scope, receive, told)


def page(request: Request) -> Response:
    lang = request.query_params.get("lang", "en")
    name = request.path_params.get("name", "index")
    template = HERE / f"{name}.html"
    if not name.isalpha() or not template.exists():
        return Response("no such page", status_code=404)
    texts = json.loads((HERE / "texts.json").read_text(encoding="utf-8"))
    text = template.read_text(encoding="utf-8").replace("{lang}", "zh-CN" if lang == "zh" else "en")
    for key, (en, zh) in texts.items():
        text = text.replace("{" + key + "}", zh if lang == "zh" else en)
    return HTMLResponse(text.replace("{l}", lang))


def app(data: Path) -> ASGIApp:
    """The gallery over a folder that `make_all` filled."""

    async def scan(socket: WebSocket) -> None:
        await socket.accept()
        cloud = np.load(data / "cloud.npy")
        try:
            await socket.send_json({"state": "waiting", "text": "Hold still, please"})
            await asyncio.sleep(0.4)
            parts = np.array_split(cloud, max(4, len(cloud) // 1000))
            for k, part in enumerate(parts):
                await socket.send_bytes(part.tobytes())
                await socket.send_json({"state": "scanning", "text": "Scanning…", "progress": (k + 1) / len(parts)})
                await asyncio.sleep(0.05)
            await socket.send_json({"state": "done", "text": "Done", "progress": 1.0})
            await socket.close()
        except (WebSocketDisconnect, RuntimeError):
            return

    async def walk(socket: WebSocket) -> None:
        await socket.accept()
        frames = np.load(data / "walk.npy")
        try:
            for k, frame in enumerate(frames[100::4]):
                await socket.send_bytes(frame.tobytes())
                if k % 14 == 0:
                    await socket.send_json({"state": "walking", "steps": k // 14, "text": "Walk at your own pace"})
                await asyncio.sleep(0.04)
            await socket.send_json({"state": "done", "text": "Thank you"})
            await socket.close()
        except (WebSocketDisconnect, RuntimeError):
            return

    routes = [
        Route("/", page), Route("/{name}.html", page),
        WebSocketRoute("/live/scan", scan), WebSocketRoute("/live/walk", walk),
        Mount("/static/build", StaticFiles(directory=BUILD)), Mount("/data", StaticFiles(directory=data)),
    ]  # fmt: skip
    return Strict(Starlette(routes=routes))


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8799
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else HERE.parents[1] / "out" / "gallery"
    sys.path.insert(0, str(HERE.parents[1]))
    make_all(folder)
    uvicorn.run(app(folder), host="127.0.0.1", port=port, log_level="warning")
