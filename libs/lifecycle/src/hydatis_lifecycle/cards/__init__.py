"""What is said of a model to people and to auditors: its card and its bill of materials."""
