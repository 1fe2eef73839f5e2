"""The inputs of the agent, one module for each family."""
