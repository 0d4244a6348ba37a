"""Training of one network, given as a module: no names, and no test part."""
