"""The functions: each gathers, lets core decide, and acts."""
