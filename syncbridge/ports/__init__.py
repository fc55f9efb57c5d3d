"""The narrow Protocols that flows and connectors need; who implements them is bootstrap's business."""
