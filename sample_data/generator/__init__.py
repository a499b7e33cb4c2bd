"""A population first, what the systems saw of it second: true customers are drawn, then each source system records
them with its own gaps, formats and errors. One seed decides everything: the same seed gives the same bytes.

    python -m sample_data.generator            writes data/, truth*.csv and the figures of README.md
"""
