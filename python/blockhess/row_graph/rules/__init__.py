"""The rules of the row graph; `table` holds them all."""
