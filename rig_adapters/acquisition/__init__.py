"""What the adapters of recording systems share: each is a `Source`, served by `process`."""
