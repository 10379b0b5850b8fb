"""What every service stands on: server, client, feed, clocks, access, privacy, errors, settings, telemetry."""
