"""Who asks an interface by OAuth 2: with a token of its own server, as long as that is good."""

import re
from typing import Any

from dlt.sources.helpers.rest_client.auth import OAuth2ClientCredentials
from requests import HTTPError, PreparedRequest, Response

from orchestration.live.watermark import SourceError

REASON = re.compile(r"\w{1,40}")  # such as invalid_client: more than that is not shown


class Tokens(OAuth2ClientCredentials):
    """Asks for a token before the first request, and again where one is refused or has expired."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.register_hook("response", self._again)
        return super().__call__(request)

    def obtain_token(self) -> None:
        try:
            super().obtain_token()
        except HTTPError as error:
            status = error.response.status_code
            if status == 429 or status >= 500:
                raise  # was tried again already
            said = f"it answered {status}{_reason(error.response)}"
            raise self._none(f"{said}: look at `client_id` and `client_secret` of `auth`") from None
        except (ValueError, TypeError):
            raise self._none("its answer holds no `access_token`") from None

    def parse_access_token(self, answer: Any) -> str:
        if not isinstance(answer, dict) or not answer.get("access_token"):
            raise ValueError
        return super().parse_access_token(answer)

    def _again(self, response: Response, **more: Any) -> Response:
        """What is answered to another token, once, where this one is refused."""
        if response.status_code != 401:
            return response
        response.close()
        self.obtain_token()
        request = super().__call__(response.request.copy())
        again = response.connection.send(request, **more)
        again.history.append(response)
        return again

    def _none(self, why: str) -> SourceError:
        return SourceError(f"no token from {self.access_token_url}: {why}")


def _reason(response: Response) -> str:
    try:
        found = response.json()["error"]
    except (ValueError, TypeError, KeyError):
        return ""
    return f", {found}" if isinstance(found, str) and REASON.fullmatch(found) else ""
