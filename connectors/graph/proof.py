"""Signing a call to Graph: the token in a header, and the proof that the app's secret is ours.

developers.facebook.com, Graph API: secure requests. The proof is a parameter of the address, added below the recorder.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import httpx

from connectors.signing import with_headers

UPLOADS = ("/video-upload/", "/ig-api-upload/")  #: paths of the upload host, which knows the token by another word
TOKEN_PATH = "/oauth/access_token"  # noqa: S105 - a path
DEBUG_PATH = "/debug_token"


def proof(token: str, app_secret: str) -> str:
    """The hex HMAC-SHA256 of a token under the app's secret."""
    return hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def signed(request: httpx.Request, secrets: Mapping[str, str], token: str) -> httpx.Request:
    """The request as ``token`` (the name of a secret) and ``app_secret`` sign it."""
    path, url = request.url.path, request.url
    held, app_secret = secrets.get(token, ""), secrets.get("app_secret")
    if path.endswith(TOKEN_PATH):
        return with_headers(request, {})  # everything that it needs stands in its body
    if path.startswith(UPLOADS):
        return with_headers(request, {"authorization": f"OAuth {held}"})
    if path.endswith(DEBUG_PATH):
        url = url.copy_merge_params({"input_token": held})  # Graph has no other place for the token it looks at
    if app_secret:
        url = url.copy_merge_params({"appsecret_proof": proof(held, app_secret)})
    return with_headers(request, {"authorization": f"Bearer {held}"}, url)
