"""Who stands above businesses, and what they do with them."""
