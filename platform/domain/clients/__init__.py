"""Programs of third parties that may call the API, as the doors manage them."""
