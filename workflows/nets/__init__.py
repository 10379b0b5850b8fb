"""Safety nets under the workflows: late rungs are fired, matters without a live workflow are found and restarted."""
