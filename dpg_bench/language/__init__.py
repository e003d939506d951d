"""Language models that write for the benchmark: prompts made dense, and question graphs."""
