"""What is known of vendors: how long they take, how often they are late or short, and what that costs."""
