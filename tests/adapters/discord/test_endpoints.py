"""Files are fetched from Discord's own hosts, and from that of a proxy in its place; from nowhere else."""

import pytest

from adapters.discord.endpoints import Endpoints

OWN = [
    "https://cdn.discordapp.com/attachments/1/2/a.txt?ex=1",
    "https://media.discordapp.net/attachments/1/2/a.png",
]
FOREIGN = [
    "https://example.org/a.txt",
    "http://cdn.discordapp.com/attachments/1/2/a.txt",
    "https://cdn.discordapp.com:8443/attachments/1/2/a.txt",
    "https://cdn.discordapp.com@example.org/a.txt",
    "https://cdn.discordapp.com.example.org/a.txt",
    "https://proxy.internal/attachments/1/2/a.txt",
    "http://proxy.internal:8081/attachments/1/2/a.txt",
    "//proxy.internal:8080/attachments/1/2/a.txt",
    "a.txt",
    "",
]


@pytest.mark.parametrize("api", [None, "http://proxy.internal:8080/api/v10"])
def test_files_come_from_where_discord_keeps_them(api: str | None) -> None:
    endpoints = Endpoints(api)
    assert all(endpoints.may_download(url) for url in OWN)
    assert not any(endpoints.may_download(url) for url in FOREIGN)


def test_a_proxy_may_have_files_as_well() -> None:
    url = "http://proxy.internal:8080/attachments/1/2/a.txt"
    assert Endpoints("http://proxy.internal:8080/api/v10").may_download(url)
    assert not Endpoints().may_download(url)
