"""From a public address to a complete, checked file: mirrors, retries, resumption, a cache, safe unpacking."""
