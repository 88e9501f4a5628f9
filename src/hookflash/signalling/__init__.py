"""What clients and server say to each other on a participant's WebSocket."""
