"""A fuzzer of the enrich service: request bodies and connections that no correct client sends."""
