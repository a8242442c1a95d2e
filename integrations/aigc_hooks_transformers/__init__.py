"""The adapter for transformers: pipelines, streamers and multimodal processors label what they generate."""
