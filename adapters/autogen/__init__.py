"""AutoGen: an agent of ours as a participant of a team."""
