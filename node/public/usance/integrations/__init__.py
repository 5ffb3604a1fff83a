"""Usance in other people's libraries: `transformers` (a callback for the Trainer) and `datasets` (a `load_dataset` that
notes what it loaded). Each module needs its library: `pip install 'usance[huggingface]'`."""
