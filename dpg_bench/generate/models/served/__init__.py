"""Models that draw behind a server of the OpenAI-compatible protocol (`/images/generations`)."""
