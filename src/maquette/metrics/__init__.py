"""What Maquette measures, for Prometheus and OpenTelemetry. docs/observability.md lists every metric."""
