"""The embedded AWS on 127.0.0.1: moto for plain API state, and mlwarden's own services where faith matters."""
