"""LitServe with dynamic batching, as its documentation has it. Argument: the port."""

# Without annotations from the future: LitServe compares the type of a request with FastAPI's own.
import sys
from typing import TYPE_CHECKING, Any

import litserve
import numpy as np
from fastapi import Request

from bench.peers import scorers

if TYPE_CHECKING:
    from ml.contracts import FloatArray

BATCH = 8
WAIT_SECONDS = 0.005


class FilmApi(litserve.LitAPI):  # type: ignore[misc]  # typed only where LitServe is installed
    def setup(self, device: str) -> None:
        self.scorer = scorers.from_environment()

    def decode_request(self, request: Request) -> "FloatArray":
        form: Any = request
        return self.scorer.read(form["film"].file.read())

    def batch(self, inputs: "list[FloatArray]") -> "FloatArray":
        return np.stack(inputs)

    def predict(self, batch: "FloatArray") -> list[dict[str, float]]:
        return [{"probability": score} for score in self.scorer.score(batch)]

    def unbatch(self, output: list[dict[str, float]]) -> list[dict[str, float]]:
        return output


def main() -> int:
    api = FilmApi(max_batch_size=BATCH, batch_timeout=WAIT_SECONDS)
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
