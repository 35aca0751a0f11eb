"""The way out to a model's server as the environment sets it: the proxy, and the certificates that are trusted."""

import os
import ssl
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def proxy_of(url: str) -> tuple[str, str] | None:
    """The proxy between us and a URL, if there is one: the variable that names it, and its own URL.

    Raises:
        ValueError: it is no URL.
    """
    parts, proxies = urlsplit(url), getproxies()
    named = next((scheme for scheme in (parts.scheme, "all") if proxies.get(scheme)), None)
    if named is None or proxy_bypass(parts.hostname or ""):
        return None
    return f"{named.upper()}_PROXY", proxies[named]


def fault_of_way_out(url: str) -> str | None:
    """Why no call can reach a URL, whatever is there: one line for the operator, without the proxy's password.

    Raises:
        ValueError: it is no URL.
    """
    certificates = os.environ.get("SSL_CERT_FILE")
    if certificates:
        try:
            ssl.create_default_context(cafile=certificates)
        except ssl.SSLError:
            return f"SSL_CERT_FILE={certificates} holds no certificates. Correct it, or remove it."
        except OSError as error:
            return f"SSL_CERT_FILE={certificates} cannot be read ({error.strerror}). Correct it, or remove it."
    if (proxy := proxy_of(url)) is not None:
        name, where = proxy
        scheme = where.partition("://")[0].lower() if "://" in where else "http"
        if scheme not in ("http", "https"):
            return f"{name} is a {scheme} proxy, which is not supported. Name an HTTP proxy, or the server in NO_PROXY."
    return None
