"""Units that filter an image linearly and fire with what is above a threshold."""
