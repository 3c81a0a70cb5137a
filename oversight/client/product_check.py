"""A transport that rejects responses that do not come from Elasticsearch.

    request ──▶ Elasticsearch ──▶ response with X-Elastic-Product, of the right shape ──▶ client
       └──────▶ a gateway's page with status 200; a response with missing parts ──▶ TransportError, as if none had come

The client itself checks only the first response. A gateway's page with status 200 that comes later would look like a
search without hits, or end the program.
"""

from __future__ import annotations

from typing import Any

from elastic_transport import Transport, TransportApiResponse, TransportError

from oversight.client.response_shape import problem_of

HEADER, NAME = "x-elastic-product", "Elasticsearch"


class WatchfulTransport(Transport):
    """Rejects successful responses that are not Elasticsearch's own or lack parts, after its first response."""

    _known = False

    def perform_request(self, method: str, target: str, **options: Any) -> TransportApiResponse:
        """Send a request, as `Transport` does.

        Raises:
            TransportError: another server responded, or the response cannot be read.
        """
        answer = super().perform_request(method, target, **options)
        if 200 <= answer.meta.status < 300:
            is_ours = answer.meta.headers.get(HEADER) == NAME
            if self._known and not is_ours:
                raise TransportError(
                    "another server responded, without the header X-Elastic-Product; check the proxies and gateways "
                    "between this machine "
                    "and Elasticsearch"
                )
            self._known = self._known or is_ours
            problem = problem_of(method, target, answer.body) if is_ours else None
            if problem is not None:
                path = target.partition("?")[0]
                raise TransportError(
                    f"the response to {method} {path} is not from Elasticsearch ({problem}); check the proxies and "
                    "gateways between this machine and Elasticsearch"
                )
        return answer
