"""Who may do what with which account: businesses, keys and what is encrypted of them."""
