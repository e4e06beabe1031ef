"""How one mail leaves: through a relay, or into a folder where there is none."""
