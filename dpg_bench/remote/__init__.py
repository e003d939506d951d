"""Models that a server of the OpenAI-compatible protocol holds: how one is named, and how it is asked."""
