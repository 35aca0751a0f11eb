"""What is under way: events that came in, turns, replies that go out, timers."""
