"""What people are told: one notification as every channel's message."""
