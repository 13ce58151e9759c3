"""A kind node image, and the lessons' Pod image, from package registries alone: see README.md in this folder."""
