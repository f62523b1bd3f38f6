"""The Hugging Face Hub: publishing a data set as one version, and reading back what was published.

`client` is the only room of `huggingface_hub`; `intent` looks at what is there and what is wanted; `stage` brings files
onto a branch of their own or a pull request (`pulls`); `publish` makes them a version: staged, compared, one commit on
`main`, a tag; `accept` is a maintainer's half of a pull request; `trouble` is what is tried again, and what is told.
"""
