"""Values and rules of order fulfilment: standard library only, no I/O."""
