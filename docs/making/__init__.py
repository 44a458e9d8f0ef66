"""What makes the site of npvae from its sources: documents, pages of ops, lessons, public names, translations."""
