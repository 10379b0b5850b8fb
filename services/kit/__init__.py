"""What every service is built on: server, client, feed, clocks, access, privacy, errors, settings, telemetry."""
