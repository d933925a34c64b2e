"""What the functions decide about channels: answers judged, requests signed, addresses checked, pages written."""
