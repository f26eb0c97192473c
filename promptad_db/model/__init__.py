"""The detector: CLIP's features, PromptAD's prompts and both branches. The only code that needs torch."""
