"""From a picture to a solid: outline, height field, projected texture."""
