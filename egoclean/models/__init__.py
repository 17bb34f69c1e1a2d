"""Neural networks: the only package that imports torch and transformers."""
