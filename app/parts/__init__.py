"""What only one page uses, page by page."""
