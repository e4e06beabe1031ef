"""Looking after businesses over HTTP: for who stands above them, and for nobody else."""
