"""The commands: one module, or package, for each; ``COMMANDS`` of heka.cli lists them."""
