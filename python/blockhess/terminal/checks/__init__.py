"""What `python -m blockhess check` checks, each subject in a room of its own."""
