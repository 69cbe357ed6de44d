"""Recording systems that send spikes, or counts of them, by the Lab Streaming Layer."""
