"""The Hugging Face Hub: publishing a release as one version, and reading back what was published.

`client` is the only room of `huggingface_hub`; `stage` brings files onto a branch of their own; `publish` makes them a
version: staged, compared, one commit onto main, a tag.
"""
