"""The commands: one module or package each; ``heka.cli.COMMANDS`` lists them."""
