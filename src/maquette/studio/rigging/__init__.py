"""A skeleton fitted to a silhouette, and the weights that bind a mesh to it."""
