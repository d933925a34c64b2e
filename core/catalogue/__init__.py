"""What mlwarden knows: metrics, and the alarms and dashboards computed from them and one configuration."""
