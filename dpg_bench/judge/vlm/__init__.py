"""Any vision-language model that transformers loads for `image-text-to-text`, as a judge: `vlm:MODEL`."""
