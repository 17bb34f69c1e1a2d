"""Where footage comes from: the only package that imports huggingface_hub and tarfile."""
