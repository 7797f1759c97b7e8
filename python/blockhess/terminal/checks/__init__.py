"""What `python -m blockhess check` checks, each subject in a module of its own."""
