"""What is asked of each published trace before anything is trained on it, a table of rules each."""
