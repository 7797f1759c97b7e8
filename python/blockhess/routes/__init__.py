"""The routes: each takes f as a row graph and gives its derivatives, or the reason it cannot."""
