"""All that a process needs: settings, logs, metrics, tracing, server, deadlines, typed clients."""
