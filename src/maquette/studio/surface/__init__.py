"""From a dense mesh to a game-ready one: fewer triangles, an atlas, baked textures."""
