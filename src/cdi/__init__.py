"""cdi: customer data integration. Facts are kept, conclusions are derived."""

__version__ = "0.1.0"
