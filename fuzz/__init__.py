"""Coverage-guided fuzzing of the core. `README.md` says how it is run."""
