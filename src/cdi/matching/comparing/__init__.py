"""The questions asked of a pair of records, by what they are about; `comparisons` lists them with their levels."""
