"""The adapter for LangChain: chat models, text models and everything built of them label their final answers."""
