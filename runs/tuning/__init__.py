"""What a workspace proved and decided, as chats that a local model can be tuned on."""
