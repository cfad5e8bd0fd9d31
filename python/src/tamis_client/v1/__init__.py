"""The messages and services of the protocol, generated from `proto/tamis/v1/` when the package is built."""
