"""Findings of Compute Optimizer, Cost Optimization Hub and Inference Recommender as ranked recommendations."""
