"""What applications tell the agent: each input is a collector that hands over what came since the round before."""
