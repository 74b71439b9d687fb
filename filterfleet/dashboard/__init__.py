"""The page that shows what a fleet does: a small web server beside the ledger, and the files of the page."""
