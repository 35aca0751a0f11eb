"""How a model is spoken to, by what it can do: native tools, or plain text with the paging done by code."""
