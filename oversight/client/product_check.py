"""A transport that rejects responses that Elasticsearch did not send, or that no version of it would send.

    request ──▶ Elasticsearch ──▶ answer with X-Elastic-Product, of the right shape ──▶ client
       └──────▶ a gateway's page, 200; an answer without its parts ──▶ TransportError, as if nobody had answered

The client itself looks at the first answer only. A gateway that comes between later, with a page that says 200, would
be read as a search that found nothing, or end the program.
"""

from __future__ import annotations

from typing import Any

from elastic_transport import Transport, TransportApiResponse, TransportError

from oversight.client.response_shape import problem_of

HEADER, NAME = "x-elastic-product", "Elasticsearch"


class WatchfulTransport(Transport):
    """Once Elasticsearch has answered, every successful answer has to be its own, and to have the parts that we
    read.
    """

    _known = False

    def perform_request(self, method: str, target: str, **options: Any) -> TransportApiResponse:
        """Send a request, as `Transport` does.

        Raises:
            TransportError: somebody else answered in Elasticsearch's place, or the answer cannot be read.
        """
        answer = super().perform_request(method, target, **options)
        if 200 <= answer.meta.status < 300:
            is_ours = answer.meta.headers.get(HEADER) == NAME
            if self._known and not is_ours:
                raise TransportError(
                    "another server responded, without the header X-Elastic-Product; check the proxies and gateways "
                    "between this "
                    "machine and Elasticsearch"
                )
            self._known = self._known or is_ours
            problem = problem_of(method, target, answer.body) if is_ours else None
            if problem is not None:
                path = target.partition("?")[0]
                raise TransportError(
                    f"the response to {method} {path} is not from Elasticsearch ({problem}); check the proxies and "
                    f"gateways between "
                    f"this machine and Elasticsearch"
                )
        return answer
