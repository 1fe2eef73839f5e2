"""The agent: takes in messages and statistics, rolls them up, and forwards them."""
