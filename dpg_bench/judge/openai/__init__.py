"""A vision-language model behind a server of the OpenAI-compatible protocol, as a judge: `openai:MODEL@URL`."""
