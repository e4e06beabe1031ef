"""Messages of jobs: whom they are for, what they say, what came of them."""
