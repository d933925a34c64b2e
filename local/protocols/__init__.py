"""How requests and answers are written: the query protocol, RPC v2 CBOR, and what every protocol's values must be."""
