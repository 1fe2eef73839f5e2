"""The outputs of the agent, one module for each family."""
