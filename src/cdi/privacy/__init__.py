"""What the law asks of whoever keeps personal data: kept no longer than said, held where it must be, proved."""
