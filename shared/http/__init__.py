"""HTTP at the edge of every service: problems, strict bodies, tokens, commands, reads. Endpoints contain no `try`."""
