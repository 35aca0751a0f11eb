"""What moderators may ask of their channel's agent, and owners of the bot: `/agent admin <name>`."""
