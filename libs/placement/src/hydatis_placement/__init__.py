"""Q-learning placement policy, reward, greedy ablation, the lower rungs."""
