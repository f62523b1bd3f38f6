"""How the tiny generator that ships with the package was trained. Nothing else imports this.

`python -m dst3d_datasets.training --work FOLDER --out FOLDER` renders its own data (the `primitives` source), trains an
autoencoder, then UNet, ControlNet and text encoder together from scratch, and writes an ordinary diffusers folder.
"""
