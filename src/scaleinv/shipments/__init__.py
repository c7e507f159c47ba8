"""Where goods on their way are and when they arrive: events of carriers, GPS and EPCIS, as arrays."""
