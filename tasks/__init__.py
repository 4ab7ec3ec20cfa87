"""What is optimised. Each built-in task is a folder of the same form as a user's own."""
