"""Pictures of models: cameras, visible surface, shadows; what previews, turntables and contact sheets are drawn with."""
