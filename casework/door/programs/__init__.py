"""What programs of others send and read: partners, subscriptions to events, public reports."""
