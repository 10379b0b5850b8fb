"""The nets under the workflows: what is late is fired, what no live workflow holds is found and started again."""
