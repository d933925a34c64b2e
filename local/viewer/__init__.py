"""The dashboards as CloudWatch would show them: a page on 127.0.0.1 that renders the deployed bodies."""
