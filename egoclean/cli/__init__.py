"""The command line: one subcommand a verb, its options derived from the verb's configuration."""
