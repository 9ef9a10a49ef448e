// Nothing: what counts are the precompiled headers of its target.
