"""What people read: one incident or report as subject, text and the same figures as data."""
