"""FastAPI: `uvicorn fastapi_app:app --workers 4`. `/changes` tells a browser what changes, as it happens."""

import json
import os

from fastapi import FastAPI
from fastapi.responses import JSONResponse, StreamingResponse

from flagstaff import create_soasap_client

flags = create_soasap_client(
    api_key=os.environ["SOASAP_API_KEY"],
    base_url=os.environ.get("SOASAP_BASE_URL", ""),
)
app = FastAPI()


@app.get("/")
async def cart():
    # A read takes nanoseconds and never blocks: no thread and no await for it.
    checkout = "new" if flags.get_bool("new-checkout") else "old"
    return {"checkout": checkout, "limit": flags.get_number("cart-limit", 50)}


@app.get("/health")
async def health():
    """Fail while flags are stale or none have arrived: for an alert. Workers go on with what they have."""
    status = flags.status()
    code = 503 if status.is_stale or not status.generation else 200
    return JSONResponse({"generation": status.generation, "stale": status.is_stale}, code)


@app.get("/changes")
async def changes():
    async def events():
        async for changed in flags.changes():
            yield f"data: {json.dumps({change.key: change.new for change in changed})}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")
