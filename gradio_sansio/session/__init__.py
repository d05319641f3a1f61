"""The upper storey: what Gradio means."""
