"""Keys over HTTP: what may be said of one, and managing them."""
