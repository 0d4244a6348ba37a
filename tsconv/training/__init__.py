"""Training of one network, given as a module; nothing here knows a network's name or a test part."""
