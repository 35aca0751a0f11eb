"""Commands of the terminal alone, a file each: `/pop`, `/save` …; made as those of `bot/commands/` are."""
