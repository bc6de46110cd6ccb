"""What changes accounts' data: loading, uploads, datasets, keys, retention."""
