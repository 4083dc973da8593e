"""The viable system: one file a noun, each with what decides and what evolves it."""
