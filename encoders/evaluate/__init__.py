"""How good a space is: zero-shot, few-shot and retrieval figures, with confidence intervals."""
