"""How a model is spoken to, by what it can do: native tools, JSON to a schema, or plain text with paging by code."""
