"""FastAPI as its tutorial has it: an upload, a synchronous handler, the model in a global."""

from __future__ import annotations

from fastapi import FastAPI, UploadFile

from bench.peers import scorers

app = FastAPI()
scorer = scorers.from_environment()


def predict(film: UploadFile) -> dict[str, float]:
    return {"probability": scorer(film.file.read())}


app.add_api_route("/predict", predict, methods=["POST"])
