"""What the settings say of Slack: tokens, and where it is."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """The tokens of an app.

    Attributes:
        bot_token: says and reads.
        app_token: opens connections in Socket Mode; None where Slack sends us requests.
        signing_secret: proves that these are Slack's.
        api_url: where Slack's Web API is; None for Slack's own.
        port: where we listen for requests.
    """

    bot_token: str = field(repr=False)
    app_token: str | None = field(default=None, repr=False)
    signing_secret: str | None = field(default=None, repr=False)
    api_url: str | None = None
    port: int = 3000
