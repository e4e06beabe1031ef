"""What every request passes before its route: size, rate, tags, errors."""
