"""A Synapse module that tells how many transactions of the database the requests so far took.

Synapse counts them itself, for each request, and what it does besides answering is not among them:
in these numbers there is no chance. `GET /_synapse/client/benchmark/tally` tells the sum.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from synapse.http.request_metrics import response_db_txn_count
from synapse.module_api import DirectServeJsonResource

if TYPE_CHECKING:
    from synapse.http.site import SynapseRequest
    from synapse.module_api import ModuleApi

PATH = "/_synapse/client/benchmark/tally"


class Tally:
    """What Synapse loads."""

    def __init__(self, config: dict[str, Any], api: ModuleApi) -> None:
        del config
        api.register_web_resource(PATH, _Answers(clock=api._clock))  # noqa: SLF001 — resources want it

    @staticmethod
    def parse_config(config: dict[str, Any]) -> dict[str, Any]:
        """Take any settings; there are none."""
        return config


class _Answers(DirectServeJsonResource):
    async def _async_render_GET(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 — the name Synapse looks for
        del request
        samples = [one for metric in response_db_txn_count.collect() for one in metric.samples]
        total = sum(one.value for one in samples if one.name.endswith("_total"))
        return HTTPStatus.OK, {"transactions": total}
